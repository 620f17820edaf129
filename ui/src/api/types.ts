// The nouns of the API, named as the glossary names them. The shapes are generated (schema.d.ts).
import type { components } from './schema';

type Schemas = components['schemas'];

export type Problem = Schemas['Problem'];
export type IncidentSummary = Schemas['IncidentSummary'];
export type IncidentDetail = Schemas['IncidentDetail'];
export type IncidentStatus = IncidentSummary['status'];
export type TimelineEntry = Schemas['TimelineEntry'];
export type Change = Schemas['Change'];
export type Trace = Schemas['Trace'];
export type Verdict = Schemas['Verdict'];
export type AlertSummary = Schemas['AlertSummary'];
export type Severity = AlertSummary['severity'];
export type EventItem = Schemas['EventItem'];
export type EventDetail = Schemas['EventDetail'];
export type Frame = Schemas['Frame'];
export type DeadLetter = Schemas['DeadLetter'];
export type HealthWindow = Schemas['Window'];
export type HealthStatus = HealthWindow['status'];
export type Source = Schemas['Source'];
export type ServerStatus = Schemas['Status'];
export type Finding = Schemas['FindingSummary'];
export type FindingDetail = Schemas['FindingDetail'];
export type FindingSignal = Schemas['FindingSignal'];
export type DetectionRule = Schemas['DetectionRuleFacts'];
export type Link = Schemas['Link'];

/** What a person can do to an incident's status. */
export type Transition = 'ack' | 'investigate' | 'mitigate' | 'resolve' | 'close' | 'reopen';
