/** What may stand under `provider.options` of a service that names Outrigger. */
export const PROVIDER_OPTIONS = [
  {
    name: 'file',
    description: 'The Compose file that has the service, where it is not one of the default names or in COMPOSE_FILE',
  },
  { name: 'env-file', description: 'Environment file to read the Compose file with' },
  { name: 'wait-timeout', description: 'Give up when not ready in time: seconds, or a duration such as 10m' },
] as const;
