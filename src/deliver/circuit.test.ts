import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Circuit, type CircuitState } from './circuit.ts';

test('counted failures open it, a wait half opens it, and one try decides', () => {
  const states: CircuitState[] = [];
  const circuit = new Circuit(3, (state) => states.push(state));
  circuit.failed(1);
  circuit.failed(2);
  circuit.waited();
  assert.deepEqual([circuit.state, states], ['closed', []]);
  circuit.failed(3);
  assert.equal(circuit.state, 'open');
  circuit.waited();
  assert.equal(circuit.state, 'halfOpen');
  circuit.failed(4);
  circuit.failed(5);
  circuit.waited();
  circuit.passed();
  assert.deepEqual(states, ['open', 'halfOpen', 'open', 'halfOpen', 'closed']);
});

test('what passes between keeps it closed, and a failed try while half open opens it whatever the count', () => {
  const states: CircuitState[] = [];
  const circuit = new Circuit(2, (state) => states.push(state));
  circuit.failed(1);
  circuit.passed();
  circuit.failed(1);
  assert.deepEqual(states, []);
  circuit.failed(2);
  circuit.waited();
  circuit.failed(1);
  assert.equal(circuit.state, 'open');
});
