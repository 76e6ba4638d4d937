import type { ObservedDevice } from '../../control-plane/core/observed.ts';
import { type Clock, LOCAL_PROFILE, type Member } from '../../control-plane/ports.ts';
import type { Health } from './fake-sidecar.ts';
import { SimulatedMachine } from './simulated-machine.ts';
import { type Witness, WitnessedEngine } from './witness.ts';

export interface NodeSetup {
  readonly name: string;
  readonly cpus: number;
  readonly devices: readonly ObservedDevice[];
  readonly labels?: Readonly<Record<string, string>>;
  /** Named in the nodes file to begin with; default: yes. */
  readonly configured?: boolean;
}

/**
 * How a node is. hung: its engine takes requests and does not answer. down: the engine refuses them. cut: as one of those,
 * and the network does not reach its containers either, which run on. dark: the power is gone.
 */
export type Plight = 'fine' | 'hung' | 'down' | 'cut_hung' | 'cut_down' | 'dark';

/** A node of the world: its machine outlives the control planes and the engines that speak to it. */
export class SimulatedNode {
  readonly setup: NodeSetup;
  readonly machine: SimulatedMachine;
  plight: Plight = 'fine';
  /** Since when, or since when it is named in the nodes file; it takes a while until a control plane notices. */
  plightSince = 0;
  /** What the control plane of this life was given. */
  member!: Member;
  #configured: boolean;
  readonly #clock: Clock;
  readonly #instance: string;
  readonly #witness: Witness;
  readonly #health: Health;

  constructor(setup: NodeSetup, world: { clock: Clock; instance: string; witness: Witness; health: Health }) {
    this.setup = setup;
    this.#configured = setup.configured ?? true;
    this.machine = new SimulatedMachine(world.clock, setup.name);
    this.machine.setDevices(setup.devices);
    for (const image of ['image:1', 'image:2'])
      this.machine.remoteImages.set(image, { id: `sha-${image}`, bytes: 100, durationMs: 200 });
    this.#clock = world.clock;
    this.#instance = world.instance;
    this.#witness = world.witness;
    this.#health = world.health;
  }

  get name(): string {
    return this.setup.name;
  }

  /** Named in the nodes file at present. */
  get configured(): boolean {
    return this.#configured;
  }

  /** A control plane that lives knows by now that it is in use and answers. */
  get isKnownToAnswer(): boolean {
    return this.configured && this.plight === 'fine' && this.#clock.now() - this.plightSince >= NOTICED_WITHIN_MS;
  }

  get engine(): WitnessedEngine {
    return this.member.engine as WitnessedEngine;
  }

  /** As the composition root has it after reading the nodes file: each time a connection of its own. */
  newMember(): Member {
    const engine = new WitnessedEngine(
      {
        clock: this.#clock,
        node: this.name,
        on: this.machine,
        instance: this.#instance,
        cpus: this.setup.cpus,
        latencyMs: 7,
        deadlineMs: 5_000,
      },
      this.#witness,
    );
    const labels = this.setup.labels ?? {};
    this.member = { engine, profile: { ...LOCAL_PROFILE, connection: `fake://${this.name}`, labels } };
    return this.member;
  }

  configure(configured: boolean): void {
    if (configured !== this.#configured) this.plightSince = this.#clock.now();
    this.#configured = configured;
  }

  suffer(plight: Plight): void {
    if (plight === 'dark' && this.plight !== 'dark') this.machine.losePower();
    if (plight !== this.plight) this.plightSince = this.#clock.now();
    this.plight = plight;
    this.machine.setDaemon(DAEMON[plight]);
    if (plight === 'fine' || plight === 'hung' || plight === 'down') this.#health.reachable(this.name);
    else this.#health.unreachable(this.name, this.#clock.now());
  }
}

/** A node that is back is asked every second, and has five for its answer. */
const NOTICED_WITHIN_MS = 6_000;

const DAEMON = {
  fine: 'running',
  hung: 'hung',
  down: 'down',
  cut_hung: 'hung',
  cut_down: 'down',
  dark: 'down',
} as const satisfies Record<Plight, 'running' | 'hung' | 'down'>;
