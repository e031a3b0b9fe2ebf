// SPDX-License-Identifier: Apache-2.0
// A private anvil per test file, and the few calls the tests need on top of viem.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  createPublicClient,
  createTestClient,
  createWalletClient,
  decodeErrorResult,
  encodeDeployData,
  getAddress,
  http,
} from 'viem';
import { foundry } from 'viem/chains';
import { OWNER, PHRASE } from './keys.mjs';

const READY_DEADLINE_MS = 20_000;
const anvilPath = process.env.ANVIL ?? fileURLToPath(new URL('../../node_modules/.bin/anvil', import.meta.url));

export function artifact(name) {
  return JSON.parse(readFileSync(new URL(`../../artifacts/${name}.json`, import.meta.url), 'utf8'));
}

/** The system gives anvil its port, so two runs cannot collide; anvil prints it once it accepts connections. */
async function listeningUrl(child) {
  const lines = createInterface({ input: child.stdout });
  let output = '';
  for await (const line of lines) {
    output += `${line}\n`;
    const match = /^Listening on (127\.0\.0\.1:\d+)$/.exec(line);
    if (match) {
      lines.close();
      return `http://${match[1]}`;
    }
  }
  throw new Error(`anvil ended before it listened:\n${output}`);
}

async function answering(publicClient) {
  const deadline = Date.now() + READY_DEADLINE_MS;
  for (;;) {
    try {
      return await publicClient.getChainId();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

export async function startChain() {
  const child = spawn(anvilPath, ['--host', '127.0.0.1', '--port', '0', '--mnemonic', PHRASE], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const failed = once(child, 'error').then(([error]) => {
    throw new Error(`cannot start anvil at ${anvilPath} (set ANVIL to its path): ${error.message}`);
  });
  const endChild = () => child.kill('SIGKILL');
  process.once('exit', endChild);

  const url = await Promise.race([listeningUrl(child), failed]);
  failed.catch(() => {});
  // unread output would fill the pipe and stop anvil
  child.stdout.resume();
  // no cache and no batching: a test always sees the block it has just made
  const shared = { chain: foundry, transport: http(url), cacheTime: 0, pollingInterval: 10 };
  const publicClient = createPublicClient(shared);
  await answering(publicClient);

  return {
    publicClient,
    testClient: createTestClient({ ...shared, mode: 'anvil' }),
    wallet: (account) => createWalletClient({ ...shared, account }),
    async stop() {
      process.removeListener('exit', endChild);
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** Sends a transaction and returns its receipt; a reverted one fails the test. */
export async function send(chain, from, contract, functionName, args = []) {
  const hash = await chain.wallet(from.account).writeContract({ ...contract, functionName, args });
  const receipt = await chain.publicClient.waitForTransactionReceipt({ hash });
  assert.equal(receipt.status, 'success', `${functionName} reverted`);
  return receipt;
}

/** Returns { address, abi } of a new contract. */
export async function deploy(chain, name, args = []) {
  const { abi, bytecode } = artifact(name);
  const hash = await chain.wallet(OWNER.account).deployContract({ abi, bytecode, args });
  const receipt = await chain.publicClient.waitForTransactionReceipt({ hash });
  assert.equal(receipt.status, 'success', `${name} was not deployed`);
  return { address: getAddress(receipt.contractAddress), abi };
}

export function read(chain, contract, functionName, args = [], options = {}) {
  return chain.publicClient.readContract({ ...contract, functionName, args, ...options });
}

/** Runs a state-changing call without sending it; this is how the tests look at refusals. */
export function attempt(chain, from, contract, functionName, args = []) {
  return chain.publicClient.simulateContract({ ...contract, functionName, args, account: from.account });
}

/** Closes the current block and returns its number, which is then a usable reference block. */
export async function closeBlock(chain) {
  const blockNumber = await chain.publicClient.getBlockNumber();
  await chain.testClient.mine({ blocks: 1 });
  return Number(blockNumber);
}

/** Asserts that the call reverts with exactly this custom error and these arguments. */
export async function assertReverts(call, errorName, args = []) {
  const error = await call.then(
    () => assert.fail(`expected ${errorName}, but the call succeeded`),
    (reason) => reason,
  );
  const reverted = error.walk?.((cause) => cause.name === 'ContractFunctionRevertedError');
  if (!reverted) throw error;
  assert.equal(reverted.data?.errorName, errorName, reverted.message);
  assert.deepEqual(reverted.data.args ?? [], args);
}

/** Asserts that deploying reverts with exactly this custom error. */
export async function assertDeployReverts(chain, name, args, errorName, errorArgs = []) {
  const { abi, bytecode } = artifact(name);
  const error = await chain.publicClient
    .call({ account: OWNER.account, data: encodeDeployData({ abi, bytecode, args }) })
    .then(
      () => assert.fail(`expected ${errorName}, but the deployment succeeded`),
      (reason) => reason,
    );
  const data = error.walk?.((cause) => typeof cause.data === 'string')?.data;
  if (!data) throw error;
  const decoded = decodeErrorResult({ abi, data });
  assert.equal(decoded.errorName, errorName);
  assert.deepEqual(decoded.args ?? [], errorArgs);
}
