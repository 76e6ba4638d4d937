/**
 * Node's HTTP module, without what importing it by name costs: an `import` reads every export, and the one called
 * `WebSocket` loads all of Node's own undici behind it, 13 MB of memory and tens of milliseconds that nothing here uses.
 */
export const http: typeof import('node:http') = process.getBuiltinModule('node:http');
