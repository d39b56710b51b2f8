import { createLogger } from '@pod-agent/daemon-kit/log';
import type { Logger } from '@pod-agent/daemon-kit/log';

/** A logger that keeps its lines, parsed. */
export function recordingLogger(): { log: Logger; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const log = createLogger((line) => void lines.push(JSON.parse(line) as Record<string, unknown>), 'debug');
  return { log, lines };
}
