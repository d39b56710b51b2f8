// Prints openapi.json from the routes; with --check only tells whether the file is up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { openApiDocument } from '@pod-agent/daemon-kit/http/openapi';
import { execdRoutes } from '@pod-agent/execd/routes';
import manifest from '../packages/execd/package.json' with { type: 'json' };

const FILE = new URL('../openapi.json', import.meta.url);

// Only descriptions are read: no handler runs, so the services behind them are not needed.
const routes = execdRoutes({ commands: {}, files: {}, workers: {} } as unknown as Parameters<
  typeof execdRoutes
>[0]);
const document = openApiDocument(
  {
    title: 'execd',
    version: manifest.version,
    description: 'Runs commands inside a sandbox. Compatible with OpenSandbox execd; additions are marked.',
  },
  routes,
);
const text = `${JSON.stringify(document, null, 2)}\n`;

if (!process.argv.includes('--check')) {
  writeFileSync(FILE, text);
} else if (readFileSync(FILE, 'utf8') !== text) {
  console.error('openapi.json is not up to date: run `npm run openapi`');
  process.exitCode = 1;
}
