/** An actor for a run of `agent-client learn`, which takes it for one of its own. */

import { fromNested, ReplayClient, UnknownParametersError, UnknownTableError } from "../../src/index.js";
import { CartPole } from "./cart-pole.js";
import { QNetwork } from "./q-network.js";
import { readSafetensors } from "./safetensors.js";
import { StepRows } from "./step-rows.js";

export interface ActorSettings {
  /** The run's name: that of its table. */
  run: string;
  /** Probability of a random action. */
  epsilon: number;
  /** Number that the learner knows this actor by. */
  index: number;
  signal: AbortSignal;
}
export interface ActorReport {
  steps: number;
  returns: number[];
  /** How many versions of the weights it acted with. */
  versions: number;
  /** How the run ended, as its learner told it. */
  outcome: string;
}

const ROWS_PER_INSERT = 32;
const WAIT_SECONDS = 5;

interface Weights {
  network: QNetwork;
  version: number;
  outcome: string | null;
}

/** Act until the learner says that the run is over, or the signal ends it. */
export async function act(client: ReplayClient, settings: ActorSettings): Promise<ActorReport> {
  const { run, epsilon, index, signal } = settings;
  const writer = `javascript-${crypto.randomUUID()}`;
  const rows = new StepRows(client, run, writer);
  const environment = new CartPole(Math.random);
  const report: ActorReport = { steps: 0, returns: [], versions: 1, outcome: "" };
  let weights = await firstWeights(client, run, signal);

  for (;;) {
    let observation = environment.reset();
    let total = 0;
    for (let length = 0, isOver = false; !isOver; length++) {
      const isRandom = Math.random() < epsilon;
      const action = isRandom
        ? Math.floor(Math.random() * environment.actions)
        : weights.network.best(observation);
      const { observation: next, reward, terminated, truncated } = environment.step(action);
      rows.add({ observation, action, reward, isFirst: length === 0, isLast: false, isTerminal: false });
      isOver = terminated || truncated;
      if (isOver) {
        rows.add({ observation: next, action: 0, reward: 0, isFirst: false, isLast: true, isTerminal: terminated });
      }
      observation = next;
      total += reward;
      report.steps += 1;
      if (rows.waiting < ROWS_PER_INSERT && !isOver) continue;
      const [newer] = await Promise.all([
        newerWeights(client, run, weights.version, 0, signal),
        rows.send(AbortSignal.any([signal, AbortSignal.timeout(60_000)])).catch(ignoreDroppedTable),
      ]);
      if (newer) {
        weights = newer;
        report.versions += 1;
      }
      if (weights.outcome !== null) return { ...report, outcome: weights.outcome };
    }
    report.returns.push(total);
    await client.insert(
      `${run}.episodes`,
      {
        actor: fromNested("<i4", [index]),
        epsilon: fromNested("<f4", [epsilon]),
        episode_return: fromNested("<f4", [total]),
        episode_length: fromNested("<i4", [total]),
        weights_version: fromNested("<i8", [weights.version]),
      },
      { writer: { id: writer, sequence: report.returns.length }, signal },
    ).catch(ignoreDroppedTable);
  }
}

/** A learner that has ended drops its tables; its last weights say so. */
function ignoreDroppedTable(error: unknown): void {
  if (!(error instanceof UnknownTableError)) throw error;
}

async function firstWeights(client: ReplayClient, run: string, signal: AbortSignal): Promise<Weights> {
  for (;;) {
    const found = await newerWeights(client, run, 0, WAIT_SECONDS, signal);
    if (found) return found;
  }
}

async function newerWeights(
  client: ReplayClient,
  run: string,
  newerThan: number,
  wait: number,
  signal: AbortSignal,
): Promise<Weights | null> {
  const found = await client.getParameters(run, { newerThan, wait, signal }).catch((error: unknown) => {
    if (error instanceof UnknownParametersError) return null;
    throw error;
  });
  if (!found) return null;
  const { tensors, metadata } = readSafetensors(found.content);
  const isOver = metadata["is_over"] === "true";
  return {
    network: new QNetwork(tensors),
    version: found.version,
    outcome: isOver ? (JSON.parse(metadata["outcome"] ?? '""') as string) : null,
  };
}
