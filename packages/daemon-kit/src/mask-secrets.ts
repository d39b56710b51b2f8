const SECRET_NAME = String.raw`(?:token|secret|password|passwd|passphrase|api[-_]?key|access[-_]?key|private_?key|credentials?)`;

/** What stands in front of a value: `--token xyz`, `--db-password=xyz`, and `SOME_TOKEN=xyz`, `"password": "xyz"`. */
const INTRODUCTIONS: readonly string[] = [
  String.raw`(?<![a-z0-9-])--?(?:[a-z0-9-]*-)?${SECRET_NAME}(?:\s+|=)`,
  String.raw`\b[a-z0-9_]*${SECRET_NAME}\\*["']?\s*[=:]\s*`,
];

/** Patterns whose first group stays; what follows it in the match is the secret. */
const SECRETS: readonly RegExp[] = [
  // scheme://user:password@host
  /((?<![a-z0-9+.-])[a-z0-9+.-]+:\/\/[^\s:/@]*:)[^\s@/]+(?=@)/gi,
  // Authorization: Bearer xyz, Cookie: a=b; session=xyz: to the end of the header
  /(\b(?:(?:proxy-)?authorization|(?:set-)?cookie)\\*["']?\s*[:=]\s*\\*["']?)[^\s"'\\][^"'\\\n]*/gi,
  // -H 'X-API-Key: xyz'
  /((?<![a-z0-9-])x-[a-z-]*(?:token|key|secret)\s*:\s*)[^\s"']+/gi,
  // In quotes, which may be escaped ones: to the closing quote, with all blanks and commas.
  ...INTRODUCTIONS.map((start) => new RegExp(String.raw`(${start}(\\*["']))(?:\\.|[^\\\n])*?(?=\2)`, 'gi')),
  // Without quotes, or with one that is not closed.
  ...INTRODUCTIONS.map((start) => new RegExp(String.raw`(${start}["']?)(?:\\.|[^\s"',;&}\\])+`, 'gi')),
  // Access key ids of the large clouds
  /()\b(?:AKIA|ASIA|LTAI|AKID)[A-Za-z0-9]{8,}\b/g,
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
