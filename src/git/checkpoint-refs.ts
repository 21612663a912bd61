/** Below it are the refs of all checkpoints of one environment. */
export function checkpointRefs(environmentId: string): string {
  return `refs/wt/checkpoints/${environmentId}`;
}
