/** Patterns whose last group is the secret; what stands before it stays readable. */
const SECRETS: readonly RegExp[] = [
  // scheme://user:password@host
  /(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:)([^\s@/]+)(?=@)/gi,
  // Authorization: Bearer xyz, -H 'X-API-Key: xyz', Cookie: xyz
  /(\b(?:proxy-)?authorization\s*[:=]\s*["']?(?:(?:bearer|basic|token|digest)\s+)?)([^\s"',;]+)/gi,
  /(\b(?:x-[a-z-]*(?:token|key|secret)|cookie|set-cookie)\s*:\s*)([^\s"']+)/gi,
  // --token xyz, --password=xyz, --api-key 'xyz'
  /(--?(?:[a-z0-9-]*-)?(?:token|password|passwd|passphrase|secret|api-?key|access-?key|credentials?)(?:\s+|=)["']?)([^\s"']+)/gi,
  // SOME_TOKEN=xyz, "password": "xyz"
  /(\b[a-z0-9_]*(?:token|secret|password|passwd|api_?key|access_?key|private_?key|credentials?)["']?\s*[=:]\s*["']?)([^\s"',;&}]+)/gi,
  // Access key ids of the large clouds
  /()\b((?:AKIA|ASIA|LTAI|AKID)[A-Za-z0-9]{8,})\b/g,
];

/** The text with passwords, tokens and keys replaced by `****`. Errs on the side of masking too much. */
export function maskSecrets(text: string): string {
  let masked = text;
  for (const pattern of SECRETS) masked = masked.replace(pattern, '$1****');
  return masked;
}

/** A configured secret for a start-up line: `first4****last4` when longer than 8 characters, else `****`. */
export function maskedSecret(secret: string): string {
  if (secret === '') return '';
  return secret.length > 8 ? `${secret.slice(0, 4)}****${secret.slice(-4)}` : '****';
}
