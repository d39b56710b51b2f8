/**
 * The first JSON value of a text; what follows it is ignored (contract §1.4). Numbers are integers, others read as NaN.
 * Throws a SyntaxError; `EOF` when empty.
 */
export function parseFirstJson(text: string): unknown {
  if (text.trim() === '') throw new SyntaxError('EOF');
  try {
    return parse(text);
  } catch (error) {
    const end = endOfFirstValue(text);
    if (end === undefined) throw error;
    return parse(text.slice(0, end));
  }
}

/** A number with a point or an exponent is no integer for the contract, not even 1e3: it reads as NaN. */
function parse(text: string): unknown {
  if (!/\d[.eE]/.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' && /[.eE]/.test(context?.source ?? '') ? Number.NaN : value,
  );
}

/** Where the first object, array, string or word ends; undefined when it does not. */
function endOfFirstValue(text: string): number | undefined {
  const start = text.search(/[^ \t\r\n]/);
  const opening = text[start];
  if (opening === '{' || opening === '[') return endOfNesting(text, start);
  if (opening === '"') return endOfString(text, start);
  const word = /[^\s,{}[\]"]+/y;
  word.lastIndex = start;
  return word.test(text) ? word.lastIndex : undefined;
}

function endOfNesting(text: string, start: number): number | undefined {
  let depth = 0;
  for (let index = start; index < text.length; index += 1) {
    const character = text[index];
    if (character === '"') {
      const end = endOfString(text, index);
      if (end === undefined) return undefined;
      index = end - 1;
    } else if (character === '{' || character === '[') {
      depth += 1;
    } else if (character === '}' || character === ']') {
      depth -= 1;
      if (depth === 0) return index + 1;
    }
  }
  return undefined;
}

function endOfString(text: string, start: number): number | undefined {
  for (let index = start + 1; index < text.length; index += 1) {
    if (text[index] === '\\') index += 1;
    else if (text[index] === '"') return index + 1;
  }
  return undefined;
}
