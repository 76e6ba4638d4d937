const LEAST = 24;

// Looked at before anything else is loaded: libraries fail on an older one with errors that say nothing of it.
if (Number.parseInt(process.versions.node, 10) < LEAST) {
  throw new Error(`outrigger needs Node.js ${LEAST} or newer; this is ${process.versions.node}.`);
}
