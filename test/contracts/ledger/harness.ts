import { randomUUID } from 'node:crypto';
import type { AccountDirectory, Ledger, Probe, Settlement } from '../../../src/core/ports.ts';

interface OutboxRow {
  readonly id: string;
  readonly kind: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** One ledger, empty at first, as its adapter's test provides it. */
export interface LedgerHarness {
  readonly defaultLimitBytes: number;
  readonly periodMs: number;
  /** How far the ledger's clock may run on by itself between two calls, in ms: 0 where the test owns it. */
  readonly toleranceMs: number;
  /** A connection of its own to the same ledger, as another instance would have it. */
  connect(): Promise<Ledger & AccountDirectory & Probe>;
  /** Close every connection made so far, as a restart does. */
  disconnect(): Promise<void>;
  /** The ledger's time, and a way to move it forward. */
  now(): Promise<number>;
  advance(ms: number): Promise<void>;
  outbox(): Promise<OutboxRow[]>;
  /** Disconnect and leave nothing behind. */
  dispose(): Promise<void>;
}

export type MakeLedgerHarness = () => Promise<LedgerHarness>;

export function settlementOf(sessionId: string, userId: string, bytes: number): Settlement {
  return {
    sessionId,
    userId,
    bytes,
    format: 'mp4',
    sha256: 'ab'.repeat(32),
    storageKey: `uploads/2026/01/${sessionId}`,
    filename: 'Ferien „am Meer" 🏖.mp4',
    dashboardContext: '{"source_section":"video_analysis","metadata":{"a":1.0}}',
    createdAt: 1_767_225_600_000,
  };
}

export const newUser = (): string => randomUUID();
export const newSession = (): string => randomUUID();
