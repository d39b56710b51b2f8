import { Staging } from '../../src/filesystem/staging.ts';
import { PrivateDirectory } from '../../src/os/private-directory.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** A directory to write in, and a place for what cannot stand there. */
export interface Workplace extends AsyncDisposable {
  readonly path: string;
  readonly staging: Staging;
}

/** A new one; disposing it removes everything. */
export async function workplace(): Promise<Workplace> {
  const stack = new AsyncDisposableStack();
  const { path } = stack.use(await temporaryDirectory());
  const elsewhere = stack.use(await temporaryDirectory());
  const staging = stack.use(new Staging(stack.use(new PrivateDirectory([elsewhere.path])), []));
  return { path, staging, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}
