import { Button, Group } from '@mantine/core';
import type { ColumnDef } from '@tanstack/react-table';
import { getRouteApi } from '@tanstack/react-router';

import type { Schemas } from '../../api/client';
import { useRead, useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { Confirm } from '../../parts/Confirm';
import { Export } from '../../parts/Export';
import { Go } from '../../parts/Go';
import { Moment } from '../../parts/Moment';
import { Notice } from '../../parts/States';
import { ListView } from '../../parts/table/ListView';
import { text } from '../../text/text';
import { changed, isInPassing } from '../../url/search';
import { sentence } from './spec';

const route = getRouteApi('/app/reports');
type Schedule = Schemas['ReportSchedule'];

const columns = (edit: (id: string) => void): ColumnDef<Schedule>[] => [
  {
    id: 'name',
    header: text.common.name,
    cell: ({ row: { original: one } }) => (
      <Go to="/reports" search={{ schedule: one.id }}>
        {one.name}
      </Go>
    ),
  },
  {
    id: 'every',
    header: text.report.every,
    cell: ({ row: { original: one } }) => {
      const day = one.weekday == null ? text.report.daily : text.report.weekdays[one.weekday];
      return `${day}, ${one.at} (${one.time_zone})`;
    },
  },
  {
    id: 'about',
    header: text.report.about,
    meta: { wide: true },
    cell: ({ row }) => `${sentence(row.original)} · ${text.report.formats[row.original.format]}`,
  },
  {
    id: 'next',
    header: text.report.next,
    cell: ({ row }) => <Moment at={row.original.next_at} as="instant" never={text.report.off} />,
  },
  {
    id: 'actions',
    header: text.common.actions,
    cell: ({ row }) => <Actions schedule={row.original} edit={edit} />,
  },
];

function Actions({ schedule, edit }: { schedule: Schedule; edit: (id: string) => void }) {
  const { may } = useSession();
  const remove = useWrite(
    (api, id: string) =>
      api.DELETE('/api/v1/report-schedules/{schedule}', { params: { path: { schedule: id } } }),
    { done: text.report.scheduleDeleted },
  );
  if (!may('reports:manage')) return null;
  return (
    <Group gap={6}>
      <Button
        variant="default"
        size="compact-sm"
        aria-label={text.common.editOf(schedule.name)}
        onClick={() => edit(schedule.id)}
      >
        {text.common.edit}
      </Button>
      <Confirm
        size="compact-sm"
        label={text.common.delete}
        of={schedule.name}
        detail={text.report.deleteScheduleDetail(schedule.name)}
        onConfirm={() => remove.mutate(schedule.id)}
      />
    </Group>
  );
}

/** When which report is made by itself. */
export function ScheduleList() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const query = { page_token: search.page_token, limit: search.limit };
  const read = useRead(['report-schedules', query], (api) =>
    api.GET('/api/v1/report-schedules', { params: { query } }),
  );
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (old) => changed(old, change), replace: isInPassing(search, change) });
  return (
    <ListView
      label={text.report.schedules}
      read={read}
      columns={columns((edit) => set({ edit }))}
      rowId={(schedule) => schedule.id}
      search={search}
      set={set}
      actions={<Export path="/api/v1/report-schedules/export" query={{}} name="report-schedules" />}
      empty={<Notice title={text.report.noSchedule}>{text.report.noScheduleDetail}</Notice>}
    />
  );
}
