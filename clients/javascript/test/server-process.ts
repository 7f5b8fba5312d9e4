/** A replay server and other programs of the Python environment, for tests. */

import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const PYTHON = process.env["REPLAY_PYTHON"] ?? `${ROOT}.venv/bin/python`;
const READY = "replay-server ready on ";

export const repository = ROOT;

export function python(arguments_: string[]): ChildProcess {
  return spawn(PYTHON, arguments_, {
    cwd: ROOT,
    env: { ...process.env, PYTHONUNBUFFERED: "1" },
    stdio: ["ignore", "pipe", "inherit"],
  });
}

export class ServerProcess {
  private constructor(
    readonly url: string,
    private readonly process: ChildProcess,
  ) {}

  static async start(...options: string[]): Promise<ServerProcess> {
    const child = python(["-m", "replay_server", "serve", "--port=0", ...options]);
    if (!child.stdout) throw new Error("the server has no stdout");
    for await (const line of createInterface(child.stdout)) {
      if (line.startsWith(READY)) return new ServerProcess(line.slice(READY.length).trim(), child);
    }
    throw new Error(`the server did not get ready; is ${PYTHON} the Python of this project?`);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGTERM");
    await ended;
  }
}
