// SPDX-License-Identifier: Apache-2.0
// Compiles src/ with the pinned solc to artifacts/<Name>.json. `--check` compiles in memory only and compares, so a
// source change without a rebuild cannot go unnoticed.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import solc from 'solc';

const root = dirname(fileURLToPath(import.meta.url));
const sourceDir = join(root, 'src');
const artifactDir = join(root, 'artifacts');

/** The deployable contracts, `src/<Name>.sol` each. */
export const CONTRACTS = ['PoaServiceManager', 'RelayHandler', 'ServiceHandler', 'Trigger'];

// No metadata at all: its hash covers comments and paths, and would change the bytecode without changing the code.
// Paris: the oldest target in wide use, so that chains without newer opcodes can run the same bytes.
const SETTINGS = {
  optimizer: { enabled: true, runs: 200 },
  evmVersion: 'paris',
  metadata: { bytecodeHash: 'none', appendCBOR: false },
  outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
};

function readSources() {
  const sources = {};
  for (const entry of readdirSync(sourceDir, { recursive: true })) {
    if (!entry.endsWith('.sol')) continue;
    const name = posix.join('src', entry.replaceAll('\\', '/'));
    sources[name] = { content: readFileSync(join(sourceDir, entry), 'utf8') };
  }
  return Object.fromEntries(Object.entries(sources).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Compiles everything; returns file name -> text of the artifact. Any diagnostic, also a warning, is a failure. */
export function compileArtifacts() {
  const input = { language: 'Solidity', sources: readSources(), settings: SETTINGS };
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  const diagnostics = (output.errors ?? []).map((item) => item.formattedMessage);
  if (diagnostics.length > 0) throw new Error(`solc reports:\n${diagnostics.join('\n')}`);

  const artifacts = {};
  for (const name of CONTRACTS) {
    const contract = output.contracts[`src/${name}.sol`][name];
    const artifact = {
      name,
      solc: solc.version(),
      abi: contract.abi,
      bytecode: `0x${contract.evm.bytecode.object}`,
    };
    artifacts[`${name}.json`] = `${JSON.stringify(artifact)}\n`;
  }
  return artifacts;
}

function committedArtifact(file) {
  try {
    return readFileSync(join(artifactDir, file), 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Names what is wrong with the committed artifacts, one line each; empty when they match the sources. */
export function staleArtifacts() {
  const fresh = compileArtifacts();
  const findings = [];
  for (const [file, text] of Object.entries(fresh)) {
    const committed = committedArtifact(file);
    if (committed === undefined) findings.push(`artifacts/${file} is missing`);
    else if (committed !== text) findings.push(`artifacts/${file} differs from what src/ compiles to`);
  }
  for (const file of readdirSync(artifactDir)) {
    if (!(file in fresh)) findings.push(`artifacts/${file} has no source`);
  }
  return findings;
}

function main(args) {
  if (args.includes('--check')) {
    const findings = staleArtifacts();
    if (findings.length === 0) return 0;
    console.error(`${findings.join('\n')}\nrun "npm run build" and commit the result`);
    return 1;
  }
  mkdirSync(artifactDir, { recursive: true });
  for (const [file, text] of Object.entries(compileArtifacts())) writeFileSync(join(artifactDir, file), text);
  return 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = main(process.argv.slice(2));
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
