import { z } from 'zod';
import { topicNames } from '../message/delivery.ts';
import { passwordHashPattern } from '../vault/password-hash.ts';

/** The files of a directory folder. Which agencies, lines, states and groups there are, and what each line may do. */
const schemaLink = z.string().optional().describe('Lets editors check this file; ignored by the switch');
const source = z.string().min(3).describe('Who decided this, where and when');
const title = z.string().min(1).max(120);
const ori = z.string().regex(/^[A-Z]{2}[A-Z0-9]{7}$/);
const id = z
  .string()
  .regex(/^[a-z][a-z0-9-]{1,39}$/)
  .describe('Lower case, never reused: keys, topics and records are named after it');
export const deliveryWays = ['topic', 'station', 'both'] as const;
export const stationPolicies = ['primary', 'all'] as const;
export const carryPolicies = ['refuse', 'deliver-with-note'] as const;

const userName = z
  .string()
  .regex(/^[A-Z0-9][A-Z0-9-]{0,31}$/)
  .describe('Upper case; a log-on in lower case is read as upper case');

const state = z.string().regex(/^[A-Z]{2}$/);

export const directoryFile = z
  .strictObject({
    $schema: schemaLink,
    source,
    // Only Nlets itself may answer as NL0000000 (domain sheet 3.2 [S4]).
    gatewayOri: ori.regex(/^(?!NL0000000)/).describe('The pseudo ORI this switch answers from'),
  })
  .meta({ title: 'directory.json: the switch itself' });

export const agenciesFile = z
  .strictObject({
    $schema: schemaLink,
    source,
    agencies: z
      .array(
        z.strictObject({
          id,
          title,
          oris: z.array(ori).min(1).max(1000),
          stations: z.array(id).max(1000).describe('In order: the first is the primary one'),
          delivery: z
            .enum(deliveryWays)
            .default('topic')
            .describe('Where copies for this agency go: a topic, the line of its station, or both'),
          stationPolicy: z
            .enum(stationPolicies)
            .default('primary')
            .describe('Which stations get a copy: the first of the list, or all'),
          mnemonics: z
            // What a dialect takes for the mark before the text cannot name a station.
            .record(z.string().regex(/^(?!TXT$)[A-Z0-9]{3,4}$/), id)
            .optional()
            .describe('Names its network gave stations of this agency, each to one of `stations`'),
        }),
      )
      .min(1)
      .max(10_000),
  })
  .meta({ title: 'agencies.json: agencies, their ORIs and stations' });

export const statesFile = z
  .strictObject({
    $schema: schemaLink,
    source,
    states: z.array(
      z.strictObject({
        code: state,
        title,
        system: id.describe('Agency that answers for the state'),
        service: z
          .boolean()
          .optional()
          .describe('Not a state but a service of the network, such as NL: it is no part of all points'),
      }),
    ),
  })
  .meta({ title: 'states.json: states this switch can reach' });

export const groupsFile = z
  .strictObject({
    $schema: schemaLink,
    source,
    groups: z.array(
      z.strictObject({ code: z.string().regex(/^[A-Z][A-Z0-9]{2,7}$/), title, members: z.array(id).min(1) }),
    ),
  })
  .meta({ title: 'groups.json: bulletin groups' });

export const linesFile = z
  .strictObject({
    $schema: schemaLink,
    source,
    lines: z
      .array(
        z.strictObject({
          name: id,
          agency: id,
          station: id,
          host: z.string().min(1).max(253).describe('Address to listen on'),
          port: z.int().min(1).max(65_535),
          dialect: id.describe('A folder of protocols/'),
          framing: id.optional().describe('A file of protocols/framings/; default: the dialect’s own'),
          confirm: z.enum(['link', 'application', 'none']),
          ackTimeoutMs: z.int().min(100).max(600_000),
          frameTimeoutMs: z.int().min(100).max(600_000),
          sessionsMax: z.int().min(1).max(1000),
          oris: z.array(ori).min(1).max(1000).describe('ORIs this line may send as'),
          upstream: z
            .array(state)
            .min(1)
            .max(100)
            .optional()
            .describe(
              'A network is on this line: the two letters that ORIs begin with for which it may hand on messages',
            ),
          keys: z.union([z.literal('all'), z.array(z.string().regex(/^(?:[A-Z]{2,5}|[A-Z][0-9])$/)).min(1)]),
          mayBroadcast: z.boolean(),
          mayAllPoints: z.boolean(),
          whenNotCarried: z
            .enum(carryPolicies)
            .optional()
            .describe(
              'A message to this station that its dialect cannot carry wholly: refuse it, or deliver it with a note of what is missing; default deliver-with-note',
            ),
          logOn: z
            .strictObject({
              users: z
                .array(userName)
                .min(1)
                .max(10_000)
                .describe('Who may log on here: names of users.json'),
              timeoutMs: z
                .int()
                .min(100)
                .max(600_000)
                .optional()
                .describe('How long a session may go without being logged on; default 30000'),
              failuresMax: z
                .int()
                .min(1)
                .max(20)
                .optional()
                .describe('Refused log-ons after which a session is closed; default 3'),
              failureDelayMs: z
                .int()
                .min(0)
                .max(10_000)
                .optional()
                .describe('How long the answer to a refused log-on is held back; default 1000'),
            })
            .optional()
            .describe('A station on this line must log on first, by the messages its dialect has for it'),
          outbound: z
            .strictObject({
              ackTimeoutMs: z
                .int()
                .min(100)
                .max(600_000)
                .optional()
                .describe(
                  "How long the station may take to confirm a message; default: the line's ackTimeoutMs",
                ),
              answersAcked: z
                .boolean()
                .optional()
                .describe(
                  'Link lines: the station acknowledges refusal messages as well, not deliveries alone; default false',
                ),
              naksMax: z
                .int()
                .min(1)
                .max(20)
                .optional()
                .describe(
                  'Times the station may refuse one message at the link before it is given up; default 3',
                ),
              resendMs: z
                .int()
                .min(0)
                .max(60_000)
                .optional()
                .describe(
                  'Lines without confirmation: how long a session must live on after a message was written for it to count as sent; default 3000',
                ),
            })
            .optional()
            .describe('How messages are sent to the station of this line'),
        }),
      )
      .min(1)
      .max(10_000),
  })
  .meta({ title: 'lines.json: lines and what each may do' });

/** Optional. Apart from lines.json, so that it can be kept where secrets are. */
export const usersFile = z
  .strictObject({
    $schema: schemaLink,
    source,
    users: z
      .array(
        z.strictObject({
          user: userName,
          hash: z.string().regex(passwordHashPattern).describe('What `tenfour log-on hash` prints'),
        }),
      )
      .max(10_000),
  })
  .meta({ title: 'users.json: who may log on, by the hash of a password' });

const seconds = z.int().min(1).max(1_000_000_000);
const code = z.string().regex(/^[A-Z][A-Z0-9]{1,8}$/);

/** Optional. What of it the bus can take is in src/topology/limits.ts: it depends on the tier. */
export const topicsFile = z
  .strictObject({
    $schema: schemaLink,
    source,
    tier: z.enum(['standard', 'premium']).default('standard').describe('Tier of the Service Bus namespace'),
    timeToLiveSeconds: seconds
      .default(86_400)
      .describe('How long a subscription keeps a message; default a day'),
    allTimeToLiveSeconds: seconds
      .optional()
      .describe(
        'Gives each topic the subscription `all`, which gets every message and keeps it so long; default: there is none. Only where it is read: unread, it fills the topic',
      ),
    duplicateWindowSeconds: seconds
      .default(3600)
      .describe('How long a topic remembers message ids, so that a repeat is swallowed; default an hour'),
    lockSeconds: seconds
      .default(30)
      .describe('How long a receiver may hold a message before it is given again'),
    deliveryCountMax: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(10)
      .describe('Times a message is given before it is a dead letter of its subscription'),
    topicMegabytesMax: z.int().min(1).max(1_000_000).default(5120).describe('Size at which a topic is full'),
    messageKilobytesMax: z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe('Largest message; premium tier only; default: what the namespace takes'),
    subscriptionPer: z
      .enum(['destination', 'agency'])
      .default('destination')
      .describe('Point to point: one subscription each ORI, mnemonic and state, or one each agency'),
    splitByPriority: z
      .union([z.literal('all'), z.array(code).max(10_000)])
      .default([])
      .describe('Groups and states with two subscriptions, urgent and routine, in place of one'),
    subscriptions: z
      .array(
        z.strictObject({
          name: z.string().min(1).max(260).describe('Lower case, not one of those that the switch makes'),
          topic: z.enum(topicNames),
          codes: z
            .union([z.literal('all'), z.array(code).min(1).max(10_000)])
            .describe('ORIs, mnemonics and states on point-to-point, groups and states on broadcast, or all'),
          priority: z
            .enum(['urgent', 'routine'])
            .optional()
            .describe('Only messages of this priority; default both'),
        }),
      )
      .max(10_000)
      .default([])
      .describe('Further ones, for a car or a program of its own'),
  })
  .meta({ title: 'topics.json: topics and subscriptions on the bus' });

/** What the file says, without where it is from; takes the file's content, too. */
export const topicsSettings = z.object(topicsFile.omit({ $schema: true, source: true }).shape);

/** File name under protocols/format/ to schema. */
export const directoryFileKinds = {
  directory: directoryFile,
  agencies: agenciesFile,
  states: statesFile,
  groups: groupsFile,
  lines: linesFile,
  topics: topicsFile,
  users: usersFile,
} as const;
