using System.Collections.Concurrent;
using System.Diagnostics;

namespace LoraAdmin.Tests.Doubles;

/// <summary>
/// Sees every HTTP request that leaves this process for the test that began it, through whichever client and to whichever address: .NET's own handler tells of
/// each. What other tests send at the same time is not seen.
/// </summary>
internal sealed class HttpWatch : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>, IDisposable
{
    private const string Listener = "HttpHandlerDiagnosticListener";
    private const string Sent = "System.Net.Http.Request";
    private static readonly AsyncLocal<HttpWatch?> Here = new();

    private readonly ConcurrentQueue<string> commands = new();
    private readonly List<IDisposable> subscriptions = [];

    /// <summary>From here on, in the caller and in all that it calls.</summary>
    public HttpWatch()
    {
        Here.Value = this;
        subscriptions.Add(DiagnosticListener.AllListeners.Subscribe(this));
    }

    /// <summary>Requests that were more than a question, as they were sent: method and address.</summary>
    public IReadOnlyList<string> Commands => [.. commands];

    public static bool IsQuestion(string method) => method is "GET" or "HEAD";

    public void OnNext(DiagnosticListener value)
    {
        if (value.Name == Listener)
        {
            subscriptions.Add(value.Subscribe(this, name => name == Sent && Here.Value == this));
        }
    }

    public void OnNext(KeyValuePair<string, object?> value)
    {
        // What the handler tells of itself is of a type that it shows to nobody.
        if (Here.Value == this && value.Key == Sent && value.Value?.GetType().GetProperty("Request")?.GetValue(value.Value) is HttpRequestMessage request
            && !IsQuestion(request.Method.Method))
        {
            commands.Enqueue($"{request.Method} {request.RequestUri}");
        }
    }

    public void OnCompleted()
    {
    }

    public void OnError(Exception error)
    {
    }

    public void Dispose()
    {
        foreach (IDisposable subscription in subscriptions)
        {
            subscription.Dispose();
        }
    }
}
