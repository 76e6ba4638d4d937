import { z } from 'zod';
import { xOutrigger } from './x-outrigger.ts';

/** The JSON Schema of what a person writes under `x-outrigger`. */
export function xOutriggerJsonSchema(): Record<string, unknown> {
  return { title: 'x-outrigger', ...z.toJSONSchema(xOutrigger, { io: 'input' }) };
}
