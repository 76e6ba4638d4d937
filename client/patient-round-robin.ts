import { boundedConnections } from './connection-attempts.ts';
import type { GrpcModule } from './resolver.ts';

type Register = GrpcModule['experimental']['registerLoadBalancerType'];
type LoadBalancer = InstanceType<Parameters<Register>[1]>;
type Config = InstanceType<Parameters<Register>[2]>;
type Helper = ConstructorParameters<Parameters<Register>[1]>[0];
type Picker = Parameters<Helper['updateState']>[1];
type PickArgs = Parameters<Picker['pick']>[0];
type Update = Parameters<LoadBalancer['updateAddressList']>;

/** In service configs; a grpc-js that does not know it goes on to the next policy of the list. */
export const PATIENT_ROUND_ROBIN = 'outrigger_round_robin';

/**
 * Round robin, as grpc-js has it, for calls that wait: while no replica can be reached they are kept up to their deadlines
 * instead of failing with UNAVAILABLE. That is what `waitForReady` in a service config asks for, which grpc-js reads and
 * does not act upon (1.14). Calls that say `waitForReady: false` themselves fail, and so does every call while the
 * resolver says that there is nobody to call.
 */
export function registerPatientRoundRobin(grpc: GrpcModule): void {
  const { experimental } = grpc;
  const bounded = boundedConnections(grpc);
  const { PickResultType } = experimental;
  const childConfig = experimental.parseLoadBalancingConfig({ round_robin: {} });

  class PatientConfig implements Config {
    getLoadBalancerName(): string {
      return PATIENT_ROUND_ROBIN;
    }
    toJsonObject(): object {
      return { [PATIENT_ROUND_ROBIN]: {} };
    }
    static createFromJson(): PatientConfig {
      return new PatientConfig();
    }
  }

  class PatientRoundRobin implements LoadBalancer {
    readonly #child: LoadBalancer;
    #isPatient = true;

    constructor(helper: Helper) {
      const patient = experimental.createChildChannelControlHelper(helper, {
        createSubchannel: bounded((address, args) => helper.createSubchannel(address, args)),
        updateState: (state, picker, error) =>
          helper.updateState(state, { pick: args => this.#pick(picker, args) }, error),
      });
      this.#child = new experimental.ChildLoadBalancerHandler(patient);
    }

    updateAddressList(endpoints: Update[0], _config: Update[1], options: Update[2], note: Update[3]): boolean {
      this.#isPatient = endpoints.ok;
      return this.#child.updateAddressList(endpoints, childConfig, options, note);
    }

    /** A call that is queued is picked for again whenever the state of the connections changes. */
    #pick(picker: Picker, args: PickArgs): ReturnType<Picker['pick']> {
      const result = picker.pick(args);
      if (result.pickResultType !== PickResultType.TRANSIENT_FAILURE) return result;
      if (!this.#isPatient || args.metadata.getOptions().waitForReady === false) return result;
      return {
        pickResultType: PickResultType.QUEUE,
        subchannel: null,
        status: null,
        onCallStarted: null,
        onCallEnded: null,
      };
    }

    exitIdle(): void {
      this.#child.exitIdle();
    }
    resetBackoff(): void {
      this.#child.resetBackoff();
    }
    destroy(): void {
      this.#child.destroy();
    }
    getTypeName(): string {
      return PATIENT_ROUND_ROBIN;
    }
  }

  experimental.registerLoadBalancerType(PATIENT_ROUND_ROBIN, PatientRoundRobin, PatientConfig);
}
