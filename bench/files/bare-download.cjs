'use strict';
// The floor under a server on Node that hands out small files: plain node:http with the four system calls that it
// takes, and nothing else: no routes, no checks, no log. CommonJS and without types, since an empty program is the
// smallest one. The target of a request is the path of the file.
const { closeSync, fstatSync, openSync, readSync } = require('node:fs');
const { createServer } = require('node:http');

const [port] = process.argv.slice(2);
const bytes = Buffer.allocUnsafeSlow(64 * 1024);

createServer((request, response) => {
  if (request.url === '/ping') {
    response.end();
    return;
  }
  const file = openSync(request.url, 'r');
  const { size, mtimeMs } = fstatSync(file);
  const length = readSync(file, bytes, 0, size, 0);
  closeSync(file);
  response.writeHead(200, { 'Content-Length': length, 'Last-Modified': String(mtimeMs) });
  response.end(bytes.toString('latin1', 0, length), 'latin1');
}).listen(Number(port), '127.0.0.1');
