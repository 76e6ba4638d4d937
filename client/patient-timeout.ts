/**
 * A deadline for an answer from elsewhere. Where this process itself was held up meanwhile (a long computation, a
 * stopped machine), the answer may lie in the socket unread, so the time is granted once more. Does not keep the process.
 * Returns what cancels it.
 */
export function patientTimeout(timeoutMs: number, expired: () => void): () => void {
  let timer: NodeJS.Timeout;
  const arm = (grantsLeft: number) => {
    const dueAt = performance.now() + timeoutMs;
    timer = setTimeout(() => {
      const lateMs = performance.now() - dueAt;
      if (grantsLeft > 0 && lateMs > TOLERATED_LATENESS * timeoutMs) arm(grantsLeft - 1);
      else expired();
    }, timeoutMs).unref();
  };
  arm(MAX_GRANTS);
  return () => clearTimeout(timer);
}

const TOLERATED_LATENESS = 0.1;
const MAX_GRANTS = 3;
