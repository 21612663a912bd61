/** The engine answered, and refused. `message` is its own text. */
export class EngineRefusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = "EngineRefusal";
    this.status = status;
  }
}
