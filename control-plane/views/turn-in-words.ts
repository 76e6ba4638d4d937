import { bytesInWords, neededBytesInWords } from '../core/bytes-in-words.ts';
import type { TurnReason } from '../core/nodes/device-turns.ts';
import type { WhyGroupView } from './views.ts';

/** What a replica on a shared device waits for, in words for people. */
export function turnInWords(reason: TurnReason): string {
  const where = `${reason.node}/${reason.device}`;
  switch (reason.kind) {
    case 'turn': {
      const { service, replicaId, doing } = reason.other;
      return `waits for its turn on ${where}: ${service} replica ${replicaId} ${doing === 'is_next' ? 'is next to start' : doing} there`;
    }
    case 'measuring':
      return `the free memory of ${where} is measured before it starts`;
    case 'measured_memory': {
      const figures = `${neededBytesInWords(reason.declaredBytes)} are declared, ${bytesInWords(reason.freeBytes)} are measured free`;
      const beyond = reason.undeclaredBytes;
      const others = beyond === 0 ? '' : `, ${bytesInWords(beyond)} are in use there that nobody declares`;
      return `waits for memory of ${where}: ${figures}${others}`;
    }
    default:
      return reason satisfies never;
  }
}

/** The same for `why`, with its figures and what helps. */
export function turnGroup(reason: TurnReason): WhyGroupView {
  const common = { nodes: [reason.node], message: turnInWords(reason) };
  switch (reason.kind) {
    case 'turn': {
      const { service, doing } = reason.other;
      const help = doing !== 'stops' ? [`outrigger why ${service} says what that one waits for`] : [];
      return { constraint: 'turn', ...common, heldBy: [service], help };
    }
    case 'measuring':
      return { constraint: 'turn', ...common, heldBy: [], help: [] };
    case 'measured_memory': {
      const { declaredBytes: requested, freeBytes: free } = reason;
      const help = [
        `nvidia-smi on ${reason.node} shows which processes have it: end those that are not needed`,
        'raise x-outrigger.gpu.memory of replicas there that take more than they declare',
        `lower x-outrigger.gpu.memory to at most ${bytesInWords(free)}`,
      ];
      return { constraint: 'gpu_memory_measured', ...common, requested, free, heldBy: [], help };
    }
    default:
      return reason satisfies never;
  }
}
