import type { Schemas } from '../../api/client';
import { text } from '../../text/text';

export type Kind = Schemas['ReportKind'];
export type Format = Schemas['ReportFormat'];

/** What each kind can be written as, the usual one first. */
export const FORMATS: Record<Kind, readonly Format[]> = {
  findings: ['html', 'csv', 'json', 'sarif', 'cyclonedx'],
  summary: ['html', 'json'],
};

export const KINDS = Object.keys(FORMATS) as Kind[];

/** What a report is to be, as a form has it. */
export interface SpecValues {
  title: string;
  kind: Kind;
  format: Format;
  severity_min: string;
  kev: boolean;
  label: string | undefined;
}

export const EMPTY: SpecValues = {
  title: '',
  kind: 'findings',
  format: 'html',
  severity_min: '',
  kev: false,
  label: undefined,
};

/** What the API is told of it. A summary is of the whole company, whatever was chosen before. */
export const toSpec = (values: SpecValues) => ({
  name: values.title,
  kind: values.kind,
  format: FORMATS[values.kind].includes(values.format) ? values.format : 'html',
  severity_min: (values.severity_min || undefined) as Schemas['Severity'] | undefined,
  kev: values.kev || undefined,
  label: values.kind === 'findings' ? values.label : undefined,
});

interface Spec {
  kind: Kind;
  format: Format;
  severity_min?: Schemas['Severity'] | null;
  kev?: boolean | null;
  label?: string | null;
}

/** What a form begins with to change something. */
export const fromSpec = (name: string, spec: Spec): SpecValues => ({
  title: name,
  kind: spec.kind,
  format: spec.format,
  severity_min: spec.severity_min ?? '',
  kev: spec.kev ?? false,
  label: spec.label ?? undefined,
});

/** What a report is, in a line. */
export function sentence(spec: Spec): string {
  const parts = [
    text.report.kinds[spec.kind],
    spec.severity_min == null ? undefined : text.report.atLeast(text.severity[spec.severity_min]),
    spec.kev === true ? text.report.kev : undefined,
    spec.label == null ? undefined : text.report.labelled,
  ];
  return parts.filter(Boolean).join(' · ');
}

/** The end of a file's name. */
export const endOf = (format: Format): string => (format === 'cyclonedx' ? 'cdx.json' : format);

/** How often it is looked whether reports are made. */
const LOOK_MS = 4_000;

/** How often to ask for reports again: not at all once each of them is what it will be. */
export const whileMade = (all: readonly Pick<Schemas['Report'], 'state'>[] | undefined): number | false =>
  all?.some((one) => one.state === 'waiting') === true ? LOOK_MS : false;
