using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.Extensions.Logging;

namespace LoraAdmin.Tests.Platform.Vendors;

/// <summary>
/// A vendor in memory: refuses a wrong bearer token like a real one, records what it was asked, answers from a script (the last entry repeats) and
/// completes synchronously unless the script says "hang".
/// </summary>
public sealed class ScriptedVendor(string token) : HttpMessageHandler
{
    private readonly Queue<Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>>> script = new();

    public List<Seen> Requests { get; } = [];

    public Seen Last => Requests[^1];

    public HttpClient Client() => new(this, disposeHandler: false) { Timeout = Timeout.InfiniteTimeSpan };

    public ScriptedVendor Answer(int status, string body = "", string contentType = "application/json", params (string Name, string Value)[] headers) =>
        Answer(() =>
        {
            HttpResponseMessage response = new((HttpStatusCode)status) { Content = new StringContent(body, Encoding.UTF8, contentType) };
            foreach ((string name, string value) in headers)
            {
                response.Headers.TryAddWithoutValidation(name, value);
            }

            return response;
        });

    public ScriptedVendor Answer(Func<HttpResponseMessage> make)
    {
        script.Enqueue((_, _) => Task.FromResult(make()));
        return this;
    }

    public ScriptedVendor Throw(Exception failure)
    {
        script.Enqueue((_, _) => Task.FromException<HttpResponseMessage>(failure));
        return this;
    }

    /// <summary>Takes the request and never answers until the caller's patience ends.</summary>
    public ScriptedVendor Hang()
    {
        script.Enqueue((_, cancel) =>
        {
            TaskCompletionSource<HttpResponseMessage> never = new();
            cancel.Register(() => never.TrySetCanceled(cancel));
            return never.Task;
        });
        return this;
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        byte[] body = request.Content is null ? [] : await request.Content.ReadAsByteArrayAsync(cancellationToken);
        Requests.Add(new Seen(request.Method.Method, request.RequestUri!, request.Headers, request.Content?.Headers, body));
        if (request.Headers.Authorization is not { Scheme: "Bearer", Parameter: { } given } || given != token)
        {
            return new HttpResponseMessage(HttpStatusCode.Unauthorized) { Content = new StringContent("""{"detail":"missing bearer token"}""") };
        }

        return await (script.Count > 1 ? script.Dequeue() : script.Peek())(request, cancellationToken);
    }

    public sealed record Seen(string Method, Uri Uri, HttpRequestHeaders Headers, HttpContentHeaders? ContentHeaders, byte[] Body)
    {
        public string Text => Encoding.UTF8.GetString(Body);
    }
}

/// <summary>A body that breaks off after its first bytes.</summary>
public sealed class BrokenBodyStream(byte[] first) : Stream
{
    private bool begun;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override int Read(byte[] buffer, int offset, int count)
    {
        if (begun)
        {
            throw new IOException("connection reset");
        }

        begun = true;
        first.CopyTo(buffer, offset);
        return first.Length;
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}

/// <summary>Keeps every log line as text, for tests that look for secrets in it.</summary>
public sealed class RememberingLogger<T> : ILogger<T>
{
    public List<string> Lines { get; } = [];

    /// <summary>Of the last line: what a collector of logs can look for it by.</summary>
    public IReadOnlyDictionary<string, object?> Properties { get; private set; } = new Dictionary<string, object?>();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        Lines.Add(formatter(state, exception) + exception);
        Properties = (state as IEnumerable<KeyValuePair<string, object?>> ?? []).ToDictionary();
    }
}
