import test from 'ava';
import { EmbeddedRegistry } from '../../control-plane/registry/embedded.ts';
import { registryContract } from '../contract/registry.ts';

registryContract(test, 'embedded', async ({ instance = 'instance1' } = {}) => new EmbeddedRegistry({ instance }));
