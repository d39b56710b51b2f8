import { z } from 'zod';

/** The largest id: the next one, -1, means "leave as it is" to the system (setreuid(2)). */
const LARGEST_ID = 0xffff_fffe;
const NUMBER_NEEDED = `a whole number from 0 to ${LARGEST_ID} is needed`;

/** Decimal digits and nothing else: an empty value must not read as 0, which is root. */
const id = z.preprocess(
  (value) => (typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value),
  z.int(NUMBER_NEEDED).min(0, NUMBER_NEEDED).max(LARGEST_ID, NUMBER_NEEDED),
);

/** Query parameters of every file call: whom the system is to take the caller for. */
export const identityQuery = z.object({
  uid: id
    .optional()
    .describe("user who does this, as the system's own checks see it; absent for the one that execd runs as"),
  gid: id.optional().describe("group who does this; needs uid; absent for the user's primary group"),
});
