/** Name under which a shared service is kept with the main environment; no service of an environment can be called so. */
export function sharedName(service: string): string {
  return `shared:${service}`;
}

export function isSharedName(name: string): boolean {
  return name.startsWith("shared:");
}
