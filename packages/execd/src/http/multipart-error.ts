/** A body that is no valid multipart body. The message names the problem and, from the first part on, the part's number. */
export class MultipartError extends Error {
  override readonly name = 'MultipartError';
}
