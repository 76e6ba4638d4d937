import test from 'ava';
import { engineContract } from './engine.ts';
import { dockerWorld } from './engine-docker.ts';

engineContract(test, dockerWorld);
