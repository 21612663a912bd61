/** For what belongs to none, such as a template. */
export const noEnvironment = "";

/** Tells interested parties that something about an environment changed; they look for themselves what. */
export class Changes {
  readonly #listeners = new Set<(environmentId: string) => void>();

  emit(environmentId: string): void {
    for (const listener of [...this.#listeners]) listener(environmentId);
  }

  /** Returns the function that ends it. */
  listen(listener: (environmentId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
