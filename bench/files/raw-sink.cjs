'use strict';
// The floor under any server that takes uploads: plain node:http, which writes each chunk of a body as it comes into
// one file, whatever is in it. CommonJS and without types, since an empty program is the smallest one.
const { closeSync, openSync, writeSync } = require('node:fs');
const { createServer } = require('node:http');

const [port, target] = process.argv.slice(2);

createServer((request, response) => {
  if (request.method === 'GET') {
    response.end();
    return;
  }
  const file = openSync(target, 'w');
  request.on('data', (chunk) => writeSync(file, chunk));
  request.on('end', () => {
    closeSync(file);
    response.end();
  });
}).listen(Number(port), '127.0.0.1');
