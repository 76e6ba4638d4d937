import type { ServiceView } from '../control-plane/views/views.ts';
import type { Output } from './output.ts';
import { PhaseLines } from './render/phase-lines.ts';
import { progressLines } from './render/progress.ts';

/** Shows how services come and go. On a terminal a block that redraws itself, otherwise a line for each phase change. */
export interface ProgressDisplay {
  update(services: readonly ServiceView[]): void;
  /** A line of its own that stays, above the block. */
  note(line: string): void;
  /** Leaves the last state standing. */
  stop(): void;
}

const REDRAW_MS = 100;

export interface ProgressDisplayOptions {
  readonly quiet?: boolean;
  /** What was there before the command: only what changes from then on is told line by line. */
  readonly known?: readonly ServiceView[];
}

export async function openProgressDisplay(
  err: Output,
  { quiet = false, known = [] }: ProgressDisplayOptions = {},
): Promise<ProgressDisplay> {
  if (quiet) return { update: () => {}, note: () => {}, stop: () => {} };
  return err.isTerminal ? await liveDisplay(err) : plainDisplay(err, known);
}

function plainDisplay(err: Output, known: readonly ServiceView[]): ProgressDisplay {
  const phases = new PhaseLines(Date.now());
  phases.skip(known);
  return {
    update: services => {
      for (const line of phases.next(services, Date.now())) err.line(line);
    },
    note: line => err.line(line),
    stop: () => {},
  };
}

async function liveDisplay(err: Output): Promise<ProgressDisplay> {
  const { createLogUpdate } = await import('log-update');
  const screen = createLogUpdate(process.stderr);
  let latest: readonly ServiceView[] = [];
  const draw = (isOver = false) => {
    // Elapsed times are told against this machine's clock; views carry the control plane's, usually the same one.
    const lines = progressLines(latest, { nowMs: Date.now(), width: err.width(), style: err.style, isOver });
    if (lines.length > 0) screen(lines.join('\n'));
  };
  const timer = setInterval(() => draw(), REDRAW_MS);
  let stopped = false;
  return {
    update: services => {
      latest = services;
      draw();
    },
    note: line => {
      screen.clear();
      err.line(line);
      draw();
    },
    stop: () => {
      if (stopped) return;
      stopped = true;
      clearInterval(timer);
      draw(true);
      screen.done();
    },
  };
}
