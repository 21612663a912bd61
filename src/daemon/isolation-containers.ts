// From inside the containers of one environment: the other's names, its containers' ports, its ports on this machine, and the gateway.
import { networkInterfaces } from "node:os";
import type { IsolationTry } from "../api/isolation.ts";
import { acceptsConnection } from "../os/accepts-connection.ts";
import {
  type ContainerAnswer,
  type ContainerPlace,
  type ContainerTry,
  type DockerCall,
  tryFromContainer,
} from "../runtime/compose/container-tries.ts";
import { type Judgement, judgeConnect, judgeName, judgePublished, notTried, onMachine } from "./isolation-judgement.ts";
import type { IsolationScene, IsolationSubject } from "./isolation-subjects.ts";

const hostTimeoutMs = 2_000;

export async function containerTries(scene: IsolationScene): Promise<IsolationTry[]> {
  const [seen, controls] = await Promise.all([listening(scene), controlsOf(scene)]);
  const alive = new Set([...seen, ...[...controls.values()].flatMap(({ reached }) => reached)]);
  const perSubject = await Promise.all(
    scene.subjects.map(async (from) => {
      const others = scene.subjects.filter((each) => each !== from);
      const positions = from.containers.flatMap((container) => ({
        scene,
        from,
        container,
        others,
        alive,
        control: controls.get(container.id),
      }));
      const tries = await Promise.all(positions.map(triesFrom));
      return [...tries.flat(), ...others.flatMap((to) => [...publishedTries(from, to), ...processTries(from, to)])];
    }),
  );
  return perSubject.flat();
}

/** What a container reaches that it should. Without that, that others are silent proves nothing. */
interface Control {
  name: boolean;
  /** `host:port`. */
  reached: string[];
}

async function controlsOf(scene: IsolationScene): Promise<Map<string, Control>> {
  const { docker, subjects, shared } = scene;
  if (!docker) return new Map();
  const all = subjects.flatMap((from) => from.containers.map((container) => ({ from, container })));
  const found = await Promise.all(
    all.map(async ({ from, container }): Promise<[string, Control]> => {
      const tries = controlTries(scene, from);
      const answers = await tryInBatches(docker, container.id, tries);
      const own = new Set([...from.containers, ...shared].flatMap(addressesOf));
      const name = answers.some(({ addresses }) => addresses?.some((one) => own.has(one)));
      const reached = tries.flatMap((one, at) => (one.kind === "connect" && answers[at]?.open ? [`${one.host}:${one.port}`] : []));
      return [container.id, { name, reached }];
    }),
  );
  return new Map(found);
}

interface Position {
  scene: IsolationScene;
  from: IsolationSubject;
  container: ContainerPlace;
  others: readonly IsolationSubject[];
  /** `host:port` that accept connections from this machine or from their own environment. */
  alive: ReadonlySet<string>;
  control: Control | undefined;
}

interface Planned {
  to: IsolationSubject;
  way: "name" | "network" | "port" | "gateway";
  what: ContainerTry;
  target: string;
}

async function triesFrom(position: Position): Promise<IsolationTry[]> {
  const { scene, from, container, alive } = position;
  if (!scene.docker) return [];
  const planned = position.others.flatMap((to) => plannedTries(position, to));
  const answers = await tryInBatches(
    scene.docker,
    container.id,
    planned.map(({ what }) => what),
  );
  const control = { name: position.control?.name ?? false, connect: (position.control?.reached.length ?? 0) > 0 };
  return planned.map(({ to, way, what, target }, at) => {
    const answer = answers[at] ?? { addresses: null, open: null };
    const judged = judge({ answer, what, control, foreign: to.containers.flatMap(addressesOf), alive });
    return { from: from.environment.slug, to: to.environment.slug, way, at: container.name, target, ...judged };
  });
}

interface Evidence {
  answer: ContainerAnswer;
  what: ContainerTry;
  control: { name: boolean; connect: boolean };
  foreign: readonly string[];
  alive: ReadonlySet<string>;
}

function judge({ answer, what, control, foreign, alive }: Evidence): Judgement {
  if (what.kind === "name") return judgeName({ found: answer.addresses, control: control.name, foreign });
  // What listens on this machine is known by its port: which of its addresses lead there is what is tried.
  const listens = alive.has(`${what.host}:${what.port}`) || alive.has(`127.0.0.1:${what.port}`);
  return judgeConnect({ open: answer.open, control: control.connect, alive: listens });
}

function plannedTries({ scene, container }: Position, to: IsolationSubject): Planned[] {
  const names = to.containers.flatMap(({ name, aliases, networks }) => [
    ...aliases,
    ...networks.flatMap((network) => [`${name}.${network.name}`, ...aliases.map((alias) => `${alias}.${network.name}`)]),
  ]);
  const machine = machineAddresses(container);
  const { gatewayPort } = scene;
  return [
    ...[...new Set(names)].map((name): Planned => ({ to, way: "name", what: { kind: "name", name }, target: name })),
    ...endpointsOf(to.containers).map((each) => connectTo(to, "network", each)),
    ...hostPorts(to).flatMap((port) => machine.map((host) => connectTo(to, "port", { host, port }))),
    ...machine.flatMap((host) => (gatewayPort === null ? [] : [connectTo(to, "gateway", { host, port: gatewayPort })])),
  ];
}

function connectTo(to: IsolationSubject, way: Planned["way"], { host, port }: { host: string; port: number }): Planned {
  return { to, way, what: { kind: "connect", host, port }, target: `${host}:${port}` };
}

function controlTries({ shared }: IsolationScene, from: IsolationSubject): ContainerTry[] {
  const own = [...from.containers, ...shared];
  const names = [...new Set(own.flatMap(({ aliases }) => aliases))];
  return [
    ...names.map((name): ContainerTry => ({ kind: "name", name })),
    ...endpointsOf(own).map((each): ContainerTry => ({ kind: "connect", ...each })),
  ];
}

/** So many at once that neither image nor command line is overcome. */
const batchSize = 40;

async function tryInBatches(docker: DockerCall, id: string, tries: readonly ContainerTry[]): Promise<ContainerAnswer[]> {
  const answers: ContainerAnswer[] = [];
  for (let at = 0; at < tries.length; at += batchSize)
    answers.push(...(await tryFromContainer(docker, id, tries.slice(at, at + batchSize))));
  return answers;
}

/** Seen from this machine, which reaches its own ports and, on Linux, its containers. */
async function listening({ subjects, gatewayPort }: IsolationScene): Promise<Set<string>> {
  const local = [...(gatewayPort === null ? [] : [gatewayPort]), ...subjects.flatMap(hostPorts)].map((port) => ({
    host: "127.0.0.1",
    port,
  }));
  const all = [...local, ...subjects.flatMap(({ containers }) => endpointsOf(containers))];
  const found = await Promise.all(all.map((each) => acceptsConnection({ ...each, timeoutMs: hostTimeoutMs })));
  return new Set(all.flatMap(({ host, port }, at) => (found[at] ? [`${host}:${port}`] : [])));
}

function publishedTries(from: IsolationSubject, to: IsolationSubject): IsolationTry[] {
  return to.containers.flatMap(({ name, published }) =>
    published.map(({ hostIp, hostPort }): IsolationTry => {
      const target = `port ${hostPort} of ${name}`;
      return { from: from.environment.slug, to: to.environment.slug, way: "port", at: onMachine, target, ...judgePublished(hostIp) };
    }),
  );
}

/** Between processes there is nothing to try: it would only show what is known. */
function processTries(from: IsolationSubject, to: IsolationSubject): IsolationTry[] {
  if (from.processes.length === 0) return [];
  const why = "Processes share the loopback of this machine and reach every port on it; only credentials keep them apart.";
  return hostPorts(to).map((port) => ({
    from: from.environment.slug,
    to: to.environment.slug,
    way: "port",
    at: onMachine,
    target: `127.0.0.1:${port}`,
    ...notTried(why),
  }));
}

function hostPorts({ containers, processes }: IsolationSubject): number[] {
  const published = containers.flatMap((each) => each.published.map(({ hostPort }) => hostPort));
  return [...new Set([...published, ...processes.flatMap(({ port }) => port ?? [])])];
}

function endpointsOf(containers: readonly ContainerPlace[]): { host: string; port: number }[] {
  return containers.flatMap((each) => addressesOf(each).flatMap((host) => each.ports.map((port) => ({ host, port }))));
}

function addressesOf({ networks }: ContainerPlace): string[] {
  return networks.flatMap(({ address }) => (address === "" ? [] : [address]));
}

/** This machine as a container sees it: the gateways of its networks, and addresses of real interfaces (Docker's bridges are such gateways of others). */
function machineAddresses({ networks }: ContainerPlace): string[] {
  const gateways = networks.flatMap(({ gateway }) => (gateway === "" ? [] : [gateway]));
  const real = Object.entries(networkInterfaces()).flatMap(([name, all]) =>
    /^(br-|veth)/.test(name)
      ? []
      : (all ?? []).flatMap(({ internal, family, address }) => (internal || family !== "IPv4" ? [] : [address])),
  );
  return [...new Set([...gateways, ...real])];
}
