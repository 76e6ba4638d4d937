import type { GrpcModule } from './resolver.ts';

type Register = GrpcModule['experimental']['registerLoadBalancerType'];
type Helper = ConstructorParameters<Parameters<Register>[1]>[0];
type CreateSubchannel = Helper['createSubchannel'];
type Wrapped = ReturnType<CreateSubchannel>;
type Real = ReturnType<Wrapped['getRealSubchannel']>;

/**
 * Bounds the connections that a channel is making. grpc-js (1.14) lets one that it began go on when nobody wants it any
 * more, and sets it no time: towards a host that vanished that is about two minutes, in which the process does not end.
 *
 * What `net.connect` is given is the address as the resolver delivered it; here it gets a signal for each attempt. It fires
 * when the last channel that uses the connection lets go of it, or after CONNECT_TIMEOUT_MS. A connection that is made is
 * never touched.
 */
export function boundedConnections({ experimental }: GrpcModule): (create: CreateSubchannel) => CreateSubchannel {
  class Bounded extends experimental.BaseSubchannelWrapper {
    readonly #attempts: Attempts;

    constructor(child: Wrapped, attempts: Attempts) {
      super(child);
      this.#attempts = attempts;
    }

    override ref(): void {
      this.#attempts.users++;
      super.ref();
    }

    override unref(): void {
      super.unref();
      this.#attempts.users--;
      if (this.#attempts.users === 0) this.#attempts.giveUp();
    }
  }

  return create => (address, args) => {
    const attempts = new Attempts();
    const watched = Object.defineProperty({ ...address }, 'signal', { enumerable: true, get: () => attempts.signal });
    const child = create(watched, args);
    return new Bounded(child, attemptsOf(child.getRealSubchannel(), attempts));
  };
}

/** Long enough for every connection that comes about at all, the TLS handshake included; gRPC's own minimum in other languages. */
const CONNECT_TIMEOUT_MS = 20_000;

/** Of the connections of this process. Channels to the same target share them, and whoever came first gave the address. */
const known = new WeakMap<Real, Attempts>();

function attemptsOf(subchannel: Real, fresh: Attempts): Attempts {
  const attempts = known.get(subchannel);
  if (attempts) return attempts;
  known.set(subchannel, fresh);
  // From whatever state to whatever other: the attempt that ran is over.
  subchannel.addConnectivityStateListener(() => fresh.end());
  return fresh;
}

/** The attempts at one connection, one after the other. */
class Attempts {
  users = 0;
  #current: { readonly controller: AbortController; readonly timer: NodeJS.Timeout } | null = null;

  /** Of the attempt that runs, or begins with this. */
  get signal(): AbortSignal {
    this.#current ??= {
      controller: new AbortController(),
      timer: setTimeout(() => this.giveUp(), CONNECT_TIMEOUT_MS).unref(),
    };
    return this.#current.controller.signal;
  }

  giveUp(): void {
    this.end()?.abort();
  }

  /** Its signal will not fire any more. */
  end(): AbortController | null {
    const ended = this.#current;
    this.#current = null;
    if (ended) clearTimeout(ended.timer);
    return ended?.controller ?? null;
  }
}
