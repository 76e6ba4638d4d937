import type { ApplyRequest__Output } from '../../proto/generated/outrigger/v1/ApplyRequest.ts';
import type { ControlHandlers } from '../../proto/generated/outrigger/v1/Control.ts';
import type { ListServicesRequest__Output } from '../../proto/generated/outrigger/v1/ListServicesRequest.ts';
import type { ServiceRef__Output } from '../../proto/generated/outrigger/v1/ServiceRef.ts';
import { OutriggerError } from '../core/errors.ts';
import type { EventView } from '../views/views.ts';
import { type GrpcContext, streaming, unary } from './grpc-adapters.ts';
import * as messages from './messages.ts';
import { MAX_PAST_EVENTS, type ServiceList } from './operations.ts';
import { parseRequest, requests } from './requests.ts';
import { fromStruct } from './struct.ts';

/** outrigger.v1.Control over the operations that HTTP has too. */
export function controlHandlers(context: GrpcContext): ControlHandlers {
  const { operations, limits } = context;
  return {
    Apply: unary(context, async (message, caller) => {
      const problem = refused.get(message);
      if (problem !== undefined) throw tooComplex(problem);
      const specs = message.specs.map(spec => fromStruct(spec, { maxDepth: limits.jsonDepth }));
      const plain = { ...message, specs };
      return messages.applyMessage(await operations.apply(parseRequest(requests.apply, plain), caller));
    }),
    Delete: unary(context, async (request, caller) => ({
      services: [...(await operations.remove(parseRequest(requests.remove, request), caller))],
    })),
    Scale: unary(context, async ({ service, replicas }, caller) => {
      const request = parseRequest(requests.scale, { ...named(service), replicas });
      return messages.serviceMessage(await operations.scale(request, caller));
    }),
    Restart: unary(context, async ({ service, replicaId }, caller) => {
      const request = parseRequest(requests.restart, { ...named(service), replicaId: given(replicaId) });
      return messages.serviceMessage(await operations.restart(request, caller));
    }),
    ListServices: unary(context, request => messages.serviceListMessage(operations.serviceList(listed(request)))),
    GetService: unary(context, ref =>
      messages.serviceMessage(operations.service(parseRequest(requests.service, named(ref)))),
    ),
    Why: unary(context, ref => messages.whyMessage(operations.why(parseRequest(requests.service, named(ref))))),
    ListNodes: unary(context, () => ({ nodes: operations.nodes().map(messages.nodeMessage) })),
    DrainNode: unary(context, async ({ name }, caller) =>
      messages.nodeMessage(await operations.drainNode(parseRequest(requests.node, { name }), caller)),
    ),
    UndrainNode: unary(context, async ({ name, device }, caller) => {
      const request = parseRequest(requests.undrain, { name, device: given(device) });
      return messages.nodeMessage(await operations.undrainNode(request, caller));
    }),
    GetStatus: unary(context, () => messages.statusMessage(operations.status())),
    WatchServices: streaming(context, (request, out) => {
      const newest = out.outflow<ServiceList>({ keep: 'newest', message: messages.serviceListMessage });
      out.onEnd(operations.watchServices(listed(request), list => newest.offer(list)));
    }),
    WatchEvents: streaming(context, async ({ follow, ...request }, out, end) => {
      const after = given(request.afterSequence);
      const wanted = parseRequest(requests.events, {
        namespace: given(request.namespace),
        name: given(request.name),
        node: given(request.node),
        after,
        past: request.past > 0 || after === undefined ? request.past : undefined,
      });
      if (follow) {
        const queue = out.outflow<EventView>({
          keep: MAX_PAST_EVENTS + limits.queuedEvents,
          message: messages.eventMessage,
        });
        out.onEnd(await operations.followEvents(wanted, event => queue.offer(event)));
        return;
      }
      for (const event of await operations.pastEvents(wanted)) await out.write(messages.eventMessage(event));
      end();
    }),
    Logs: streaming(context, async ({ namespace, names, replicaId, tail, follow, sinceMs }, out, end) => {
      const request = parseRequest(requests.logs, {
        namespace,
        names,
        replica: given(replicaId),
        tail,
        follow,
        since: given(sinceMs),
      });
      for await (const line of operations.logs(request, out.signal)) {
        if (out.signal.aborted) break;
        await out.write(messages.logLineMessage(line));
      }
      end();
    }),
  };
}

const refused = new WeakMap<ApplyRequest__Output, string>();

/**
 * Stands for a message that was not decoded because of what it would become. grpc-js would turn an error at that place
 * into a status that says nothing.
 */
export function refusedApply(problem: string): ApplyRequest__Output {
  const message = { specs: [], origin: '', dryRun: false, requestId: '' };
  refused.set(message, problem);
  return message;
}

function tooComplex(problem: string): OutriggerError {
  return new OutriggerError('invalid_argument', `the message ${problem}`, {
    next: 'Send fewer or flatter specifications.',
  });
}

/** Proto3 has no "absent" for plain fields: empty means not given. */
function given<T extends string | number>(value: T): T | undefined {
  return value === '' || value === 0 ? undefined : value;
}

function named(ref: ServiceRef__Output | null): { namespace: string; name: string } {
  return { namespace: ref?.namespace ?? '', name: ref?.name ?? '' };
}

function listed(request: ListServicesRequest__Output) {
  return parseRequest(requests.listServices, { namespace: given(request.namespace) });
}
