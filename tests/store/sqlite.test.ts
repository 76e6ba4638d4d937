import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { openSqliteStore } from '../../control-plane/store/sqlite.ts';
import { storeContract } from '../contract/store.ts';

storeContract(test, 'sqlite', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-store-'));
  return {
    open: options => openSqliteStore(path.join(folder, 'state.db'), options),
    discard: () => rm(folder, { recursive: true }),
  };
});
