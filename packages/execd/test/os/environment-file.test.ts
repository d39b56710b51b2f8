import { expect, test } from 'vitest';
import { parseEnvironmentFile } from '../../src/os/environment-file.ts';

const ENVIRONMENT = { HOME: '/root', EMPTY: '', A_1: 'one', DOLLAR: '$HOME', BACKSLASH: String.raw`\n` };

test.each(
  titled([
    { text: 'A=1', values: { A: '1' } },
    { text: 'A=1\nB=2\n', values: { A: '1', B: '2' } },
    { text: 'A=1\r\nB=2\r\n', values: { A: '1', B: '2' } },
    { text: '', values: {} },
    { text: '\n  \n\t\n', values: {} },
    { text: '# A=1\n  # B=2\nC=3', values: { C: '3' } },
    { text: 'A=1 # not a comment', values: { A: '1 # not a comment' } },
    { text: '  A  =  1 2  ', values: { A: '1 2' } },
    { text: 'A=', values: { A: '' } },
    { text: 'A=""', values: { A: '' } },
    { text: "A=''", values: { A: '' } },
    { text: 'A=b=c', values: { A: 'b=c' } },
    { text: 'A=1\nA=2', values: { A: '2' } },
    { text: 'export A=1', values: { 'export A': '1' } },
    { text: 'my-key.x=1', values: { 'my-key.x': '1' } },
    { text: 'A="  b  "', values: { A: '  b  ' } },
    { text: "A='  b  '  ", values: { A: '  b  ' } },
    { text: String.raw`A="\n\r\t\\\""`, values: { A: '\n\r\t\\"' } },
    { text: String.raw`A="\x\'"`, values: { A: String.raw`\x\'` } },
    { text: String.raw`A=\n"x"`, values: { A: String.raw`\n"x"` } },
    { text: String.raw`A='\n\'`, values: { A: '\\n\\' } },
    { text: `A="it's"\nB='say "x"'`, values: { A: "it's", B: 'say "x"' } },
    { text: 'A="one\ntwo\n"\nB=1', values: { A: 'one\ntwo\n', B: '1' } },
    { text: "A='one\n# two\nC=3'\nB=1", values: { A: 'one\n# two\nC=3', B: '1' } },
    { text: 'A=$HOME/x', values: { A: '/root/x' } },
    { text: 'A=${HOME}x', values: { A: '/rootx' } },
    { text: 'A="${A_1}$A_1"', values: { A: 'oneone' } },
    { text: "A='$HOME'", values: { A: '$HOME' } },
    { text: 'A=[$MISSING][${MISSING}][$EMPTY]', values: { A: '[][][]' } },
    { text: 'A=1\nB=$A', values: { A: '1', B: '' } },
    { text: 'A=$DOLLAR', values: { A: '$HOME' } },
    { text: 'A="$BACKSLASH"', values: { A: String.raw`\n` } },
    { text: String.raw`A="\\$HOME"`, values: { A: String.raw`\/root` } },
    { text: 'A=$ $. $1 ${} ${x-y} $$', values: { A: '$ $. $1 ${} ${x-y} $$' } },
    { text: 'A=[$constructor][${toString}]', values: { A: '[][]' } },
  ]),
)('contract A7.4: $title reads as $values', ({ text, values }) => {
  expect(parseEnvironmentFile(text, ENVIRONMENT)).toEqual({ values, skipped: [] });
});

test.each(
  titled([
    { text: 'A', skipped: [{ line: 1, reason: 'no =' }], values: {} },
    { text: 'A=1\nwords\nB=2', skipped: [{ line: 2, reason: 'no =' }], values: { A: '1', B: '2' } },
    { text: '=1\n  = 2', skipped: [1, 2].map((line) => ({ line, reason: 'empty key' })), values: {} },
    {
      text: '\nA="b" c\nB=2',
      skipped: [{ line: 2, reason: 'text after the closing quote' }],
      values: { B: '2' },
    },
    { text: "A='b'c", skipped: [{ line: 1, reason: 'text after the closing quote' }], values: {} },
    { text: 'A="b\nB=2', skipped: [{ line: 1, reason: 'unterminated quote' }], values: { B: '2' } },
    { text: "A='b\nB=2", skipped: [{ line: 1, reason: 'unterminated quote' }], values: { B: '2' } },
    { text: String.raw`A="b\"`, skipped: [{ line: 1, reason: 'unterminated quote' }], values: {} },
    {
      text: 'A="b\nB=2\n" c\nC=3',
      skipped: [
        { line: 1, reason: 'text after the closing quote' },
        { line: 3, reason: 'no =' },
      ],
      values: { B: '2', C: '3' },
    },
  ]),
)('contract A7.4: of $title only the bad lines are skipped, with a reason', ({ text, values, skipped }) => {
  expect(parseEnvironmentFile(text, ENVIRONMENT)).toEqual({ values, skipped });
});

/** The text on one line, for the test's title. */
function titled<T extends { text: string }>(cases: readonly T[]): (T & { title: string })[] {
  return cases.map((entry) => ({ ...entry, title: JSON.stringify(entry.text) }));
}
