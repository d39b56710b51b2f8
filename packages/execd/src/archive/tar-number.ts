/** Set in the first byte of a number that is binary, not octal digits. */
const BINARY = 0x80;
const NEGATIVE = 0x40;

/** Octal digits up to a NUL, a space or the end; nothing at all is 0. */
const OCTAL = /^ *([0-7]*)(?:[\0 ]|$)/;

/**
 * A number of a tar header: octal digits, or two's complement (GNU's base-256) where the first bit is set. Undefined
 * for anything else, and for what a double cannot hold exactly.
 */
export function readNumber(field: Buffer): number | undefined {
  const first = field[0] ?? 0;
  const value = first & BINARY ? readBinary(field, first) : readOctal(field);
  return value !== undefined && Number.isSafeInteger(value) ? value : undefined;
}

/** Fills the field: octal digits and a NUL where the number fits, else base-256. */
export function writeNumber(field: Buffer, value: number): void {
  const digits = field.length - 1;
  if (value >= 0 && value < 8 ** digits) {
    field.write(`${value.toString(8).padStart(digits, '0')}\0`, 'latin1');
    return;
  }
  let rest = value;
  for (let index = digits; index >= 0; index -= 1) {
    field[index] = ((rest % 256) + 256) % 256;
    rest = Math.floor(rest / 256);
  }
  field[0] = BINARY | (field[0] ?? 0);
}

function readOctal(field: Buffer): number | undefined {
  const digits = OCTAL.exec(field.toString('latin1'))?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits || '0', 8);
}

function readBinary(field: Buffer, first: number): number {
  const isNegative = (first & NEGATIVE) !== 0;
  // The six bits beside the two flags; of a negative number the bits above them are ones.
  let value = (first & (NEGATIVE - 1)) - (isNegative ? NEGATIVE : 0);
  for (const byte of field.subarray(1)) value = value * 256 + byte;
  return value;
}
