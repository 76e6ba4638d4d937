import { Argument, type Command, Option } from 'commander';
import type { Shell } from '../commands/completion.ts';
import type { DoctorOptions } from '../commands/doctor.ts';
import type { ServeOptions } from '../commands/serve.ts';
import type { ProjectOptions } from '../context.ts';
import type { Execute } from '../program.ts';
import { collect, examples, run, withCommonOptions } from './options.ts';

/** serve, doctor, version, completion: the control plane and the machine. */
export function declareSystemCommands(program: Command, execute: Execute): void {
  program
    .command('serve [services...]')
    .description('run the control plane in the foreground')
    .option('-f, --file <path>', 'bring up the services of this service file; may be given several times', collect)
    .option('-p, --project-name <name>', 'project name')
    .option('--profile <name>', 'profile to enable; may be given several times', collect)
    .option('--down-on-exit', "drain and remove the file's services before the end")
    .option('--state <folder>', 'state folder (OUTRIGGER_STATE)')
    .option('--listen <address>', 'also listen here: 127.0.0.1:7470; may be given several times', collect)
    .addOption(new Option('--registry <kind>', 'where endpoints are published').choices(['embedded', 'consul']))
    .option('--name <host>', 'name that clients call the TCP addresses by; may be given several times', collect)
    .addOption(new Option('--advertise <which>', 'which addresses the registry gets').choices(['network', 'published']))
    .option('--publish-on <ip>', "publish every service's port on this address of the host")
    .option(
      '--nodes <path>',
      'nodes file: which engines there are; re-read when it changes; "none": this machine alone (OUTRIGGER_NODES)',
    )
    .option('--consul-address <url>', 'the Consul agent (CONSUL_HTTP_ADDR)')
    .option('--consul-token-file <path>', 'file with the Consul token (CONSUL_HTTP_TOKEN_FILE)')
    .option('--admission <path>', 'policy file: what services may ask for (OUTRIGGER_ADMISSION)')
    .option(
      '--allow-bind <folder>',
      'bind mounts from below this folder are allowed; may be given several times',
      collect,
    )
    .option('--tokens <path>', 'file with hashed tokens of clients')
    .option('--tls-cert <path>', "the server's certificate")
    .option('--tls-key <path>', "the certificate's key")
    .option('--tls-ca <path>', 'CA that signs clients; asks them for a certificate')
    .option('--exit-when-idle', 'end once no service is left')
    .addOption(new Option('--log-level <level>', 'what is logged').choices(['trace', 'debug', 'info', 'warn', 'error']))
    .addHelpText(
      'after',
      examples('outrigger serve --nodes nodes.yaml', 'outrigger serve --listen 127.0.0.1:7470 --registry consul'),
    )
    .action(
      run<ServeOptions & ProjectOptions>(execute, async ([services], options) => {
        const { serve } = await import('../commands/serve.ts');
        const names = services as string[];
        return context => serve(context, names, options);
      }),
    );

  withCommonOptions(program.command('doctor'))
    .description('check Docker, GPUs, nodes, Consul, ports, clock and disk, and say how to mend them')
    .option('--nodes <path>', 'nodes file to check (OUTRIGGER_NODES)')
    .addHelpText('after', examples('outrigger doctor', 'outrigger doctor --nodes nodes.yaml --json'))
    .action(
      run<DoctorOptions & ProjectOptions>(execute, async (_args, options) => {
        const { doctor } = await import('../commands/doctor.ts');
        return context => doctor(context, options);
      }),
    );

  withCommonOptions(program.command('version'))
    .description('print the version of this program and of the control plane')
    .option('--short', "only this program's number")
    .addHelpText('after', examples('outrigger version', 'outrigger version --short'))
    .action(
      run<{ short?: boolean } & ProjectOptions>(execute, async (_args, options) => {
        const { version } = await import('../commands/version.ts');
        return context => version(context, options);
      }),
    );

  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .description('print the script that completes commands and services in a shell')
    .addHelpText(
      'after',
      examples(
        'source <(outrigger completion bash)',
        'outrigger completion zsh > ~/.zfunc/_outrigger',
        'outrigger completion fish > ~/.config/fish/completions/outrigger.fish',
      ),
    )
    .action(
      run(execute, async ([shell]) => {
        const { completion } = await import('../commands/completion.ts');
        return context => completion(context, shell as Shell);
      }),
    );

  const provider = program.command('compose [words...]', { hidden: true });
  provider

    .description('the provider that docker compose calls for "provider: {type: outrigger}"')
    .usage('--project-name=NAME up|down [--OPTION=VALUE]... SERVICE')
    .addHelpText(
      'after',
      `
Docker Compose runs this by itself for a service of its file such as:
  services:
    embedder:
      provider: {type: outrigger}
      image: embedder:1.4
      x-outrigger: {protocol: grpc, port: 50051}
What it may be told stands under provider.options: docs/compose.md.`,
    )
    .passThroughOptions()
    .allowUnknownOption()
    .action(
      run(execute, async ([words]) => {
        // Compose always says what it wants: this is a person who looks around, and expects no line of JSON.
        if ((words as string[]).length === 0) provider.help({ error: true });
        const { compose } = await import('../commands/compose.ts');
        return context => compose(context, words as string[]);
      }),
    );

  program
    .command('complete [words...]', { hidden: true })
    .passThroughOptions()
    .allowUnknownOption()
    .action(
      run(execute, async ([words]) => {
        const [{ complete }, { createProgram }] = await Promise.all([
          import('../commands/completion.ts'),
          import('../program.ts'),
        ]);
        return context =>
          complete(
            context,
            words as string[],
            createProgram(async () => {}),
          );
      }),
    );
}

const SHELLS = ['bash', 'zsh', 'fish'] as const;
