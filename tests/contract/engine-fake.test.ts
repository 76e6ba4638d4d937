import test from 'ava';
import { engineContract } from './engine.ts';
import { fakeWorld } from './engine-fake-world.ts';

engineContract(test, () => fakeWorld());
