// Routes, the token gate and what the whole page shares.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { Link, Route, Switch, useLocation } from 'wouter';

import { onUnauthorized } from './api/client';
import { Login } from './components/login';
import { Empty } from './components/notices';
import { pageName, Shell } from './components/shell';
import { incidentStore } from './live/incident_store';
import { live } from './live/live';
import { shouldRetry, useLiveQueries, useServerStatus } from './live/queries';
import { AlertPage } from './pages/alert';
import { DeadLetterPage, DeadLettersPage } from './pages/dead_letters';
import { EventsPage } from './pages/events';
import { FindingPage, FindingsPage } from './pages/findings';
import { HealthPage } from './pages/health';
import { IncidentPage } from './pages/incident';
import { IncidentsPage } from './pages/incidents';
import { SourcesPage } from './pages/sources';

const queryClient = new QueryClient({
  defaultOptions: { queries: { retry: shouldRetry, staleTime: 5_000 } },
});

export function App() {
  const [locked, setLocked] = useState(false);
  useEffect(() => onUnauthorized(() => setLocked(true)), []);
  useEffect(() => live.start(), []);
  useEffect(() => incidentStore.start(), []);
  if (locked) {
    return (
      <Login
        onToken={() => {
          setLocked(false);
          queryClient.clear();
          live.retryNow();
          void incidentStore.reload();
        }}
      />
    );
  }
  return (
    <QueryClientProvider client={queryClient}>
      <Pages />
    </QueryClientProvider>
  );
}

function Pages() {
  useLiveQueries();
  useTitle();
  return (
    <Shell>
      <Switch>
        <Route path="/" component={IncidentsPage} />
        <Route path="/incidents/:id">{({ id }) => <IncidentPage key={id} id={id} />}</Route>
        <Route path="/alerts/:fingerprint">
          {({ fingerprint }) => <AlertPage fingerprint={fingerprint} />}
        </Route>
        <Route path="/health" component={HealthPage} />
        <Route path="/events/:offset?/:index?">
          {({ offset, index }) => (
            <EventsPage open={offset && index ? `${offset}/${index}` : null} />
          )}
        </Route>
        <Route path="/deadletters" component={DeadLettersPage} />
        <Route path="/deadletters/:id">{({ id }) => <DeadLetterPage id={id} />}</Route>
        <Route path="/findings" component={FindingsPage} />
        <Route path="/findings/:id">{({ id }) => <FindingPage key={id} id={id} />}</Route>
        <Route path="/sources" component={SourcesPage} />
        <Route component={NotFound} />
      </Switch>
    </Shell>
  );
}

/** The tab says where it is and how many incidents are open, also while another is in front. */
function useTitle(): void {
  const open = useServerStatus().data?.open_incidents ?? 0;
  const [location] = useLocation();
  useEffect(() => {
    const page = pageName(location);
    document.title = `${open > 0 ? `(${open}) ` : ''}${page === '' ? '' : `${page} · `}Quell`;
  }, [open, location]);
}

function NotFound() {
  return (
    <Empty icon="search" title="There is no such page">
      <Link className="button" href="/">
        Go to the incidents
      </Link>
    </Empty>
  );
}
