/** What the command's exit status says; documented in docs/cli.md. */
export const EXIT_CODE = {
  ok: 0,
  failed: 1,
  usage: 2,
  controlPlaneUnreachable: 3,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT_CODE)[keyof typeof EXIT_CODE];
