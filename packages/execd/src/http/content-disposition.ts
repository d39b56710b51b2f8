/** Most names: nothing to escape. */
const HARMLESS = /^[\w .-]+$/;

/** Printable ASCII. */
const PRINTABLE = /^[ -~]*$/;

/** What encodeURIComponent leaves although a path segment escapes it. */
const ESCAPED_TOO = /[!'()*]/g;

/** `$`, `&`, `+`, `:`, `=` and `@`, which stand for themselves in a path segment. */
const ESCAPED_NEEDLESSLY = /%(?:24|26|2B|3A|3D|40)/g;

/**
 * The `Content-Disposition` of a download (contract §7.8): always a valid header, whatever the file is called. A name
 * of printable ASCII is quoted; any other, line ends included, is percent-encoded, as `filename` and as `filename*`.
 */
export function attachment(baseName: string): string {
  if (HARMLESS.test(baseName)) return `attachment; filename="${baseName}"`;
  if (PRINTABLE.test(baseName))
    return `attachment; filename="${baseName.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
  const encoded = escapePathSegment(baseName);
  return `attachment; filename="${encoded}"; filename*=UTF-8''${encoded}`;
}

/** Half a surrogate pair is no character and becomes U+FFFD. */
function escapePathSegment(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replaceAll(ESCAPED_TOO, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll(ESCAPED_NEEDLESSLY, decodeURIComponent);
}
