import { parseCanonical } from './canonical.ts';
import type { compile } from './compile.ts';

/**
 * Compiles a small project once, for nothing: what reads YAML and checks values is built when it is first used, which takes
 * ten times as long as to compile a file. Done while Compose reads, it costs no time.
 */
export function rehearse(compiler: typeof compile): void {
  compiler(parseCanonical(PROJECT), { only: 'all', environment: new Map(), separator: '-' });
}

/** What most services have, in the form in which Compose gives it back. */
const PROJECT = `
name: rehearsal
services:
  model:
    command:
      - serve
    environment:
      THREADS: "1"
    expose:
      - "80"
    image: model:1
    networks:
      default: null
    x-outrigger:
      port: 80
      protocol: http
      replicas: 1
networks:
  default:
    name: rehearsal_default
`;
