namespace LoraAdmin.Domain.Storage;

/// <summary>
/// Bounds every call to an object store, from its opening to the last byte of what was opened: a store that neither answers nor fails must not keep a
/// job, and its pod, for ever.
/// </summary>
/// <param name="limit"><c>Training:StoreTimeout</c>.</param>
public sealed class TimedObjectStore(IObjectStore inner, TimeProvider clock, Func<TimeSpan> limit) : IObjectStore
{
    public async Task<PutOutcome> PutAsync(ObjectRef target, Stream content, string contentType, CancellationToken cancellationToken)
    {
        using Deadline deadline = new(clock, limit(), cancellationToken);
        try
        {
            return await inner.PutAsync(target, content, contentType, deadline.Token);
        }
        catch (OperationCanceledException) when (deadline.HasPassed)
        {
            return new PutOutcome.Failed(deadline.Words);
        }
    }

    public async Task<ObjectReading> OpenAsync(ObjectRef target, CancellationToken cancellationToken)
    {
        Deadline? deadline = new(clock, limit(), cancellationToken);
        try
        {
            ObjectReading reading = await inner.OpenAsync(target, deadline.Token);
            if (reading is not ObjectReading.Found found)
            {
                return reading;
            }

            ObjectReading.Found timed = found with { Content = new TimedStream(found.Content, deadline) };
            deadline = null;
            return timed;
        }
        catch (OperationCanceledException) when (deadline!.HasPassed)
        {
            return new ObjectReading.Unavailable(deadline.Words);
        }
        finally
        {
            deadline?.Dispose();
        }
    }

    public async Task<bool> DeleteAsync(ObjectRef target, CancellationToken cancellationToken)
    {
        using Deadline deadline = new(clock, limit(), cancellationToken);
        try
        {
            return await inner.DeleteAsync(target, deadline.Token);
        }
        catch (OperationCanceledException) when (deadline.HasPassed)
        {
            return false;
        }
    }

    private sealed class Deadline : IDisposable
    {
        private readonly CancellationTokenSource timer;
        private readonly CancellationTokenSource either;
        private readonly CancellationToken caller;
        private readonly TimeSpan limit;

        public Deadline(TimeProvider clock, TimeSpan limit, CancellationToken caller)
        {
            this.limit = limit;
            this.caller = caller;
            timer = new CancellationTokenSource(limit, clock);
            either = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, caller);
            Token = either.Token;
        }

        public CancellationToken Token { get; }

        public bool HasPassed => timer.IsCancellationRequested && !caller.IsCancellationRequested;

        public string Words => $"storage did not finish within {limit} (Training:StoreTimeout)";

        public void Dispose()
        {
            either.Dispose();
            timer.Dispose();
        }
    }

    private sealed class TimedStream(Stream inner, Deadline deadline) : ForwardStream
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            // Readers hand on the token that the deadline was made from, or none.
            try
            {
                cancellationToken.ThrowIfCancellationRequested();
                return await inner.ReadAsync(buffer, deadline.Token);
            }
            catch (OperationCanceledException) when (deadline.HasPassed)
            {
                throw new IOException(deadline.Words);
            }
        }

        public override async ValueTask DisposeAsync()
        {
            await inner.DisposeAsync();
            await base.DisposeAsync();
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                inner.Dispose();
                deadline.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
