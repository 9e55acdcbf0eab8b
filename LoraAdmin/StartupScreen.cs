using System.Net.Sockets;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;

namespace LoraAdmin;

/// <summary>One screen instead of a stack trace when the portal can't start as it is configured: which key, what is wrong, what to do.</summary>
public static class StartupScreen
{
    public static bool Explains(Exception failure) => Lines(failure).Count > 0;

    public static async Task WriteAsync(Exception failure, TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(output);
        await output.WriteLineAsync($"{Environment.NewLine}LoraAdmin can't start.");
        foreach (string line in Lines(failure))
        {
            await output.WriteLineAsync($"  {line}");
        }

        await output.WriteLineAsync("Keys can be set in appsettings.json, as environment variables (Training__MaxDuration), or as arguments (--Training:MaxDuration 02:00:00).");
    }

    private static List<string> Lines(Exception failure) => failure switch
    {
        StartupRefusedException refused => [.. Refusal(refused)],
        OptionsValidationException options => [.. options.Failures],
        AggregateException several when several.InnerExceptions.All(Explains) => [.. several.InnerExceptions.SelectMany(Lines)],
        InvalidOperationException { Message: { } words } when UnknownKey(words) is { } key => [$"{key}: the portal knows no such key.", "Correct its spelling or remove it."],
        InvalidOperationException { InnerException: FormatException or OverflowException } wrong when wrong.Message.Contains("configuration value", StringComparison.Ordinal) =>
            [wrong.Message, "Write the value in the form that the key takes, such as 00:30:00 for a duration."],
        InvalidOperationException { Message: { } words } when words.StartsWith("ConnectionStrings:", StringComparison.Ordinal) => [words],
        InvalidDataException { InnerException: FormatException or System.Text.Json.JsonException } broken => [$"appsettings.json can't be read: {broken.InnerException!.Message}", "Correct the file."],
        IOException { InnerException: AddressInUseException or SocketException } taken => [$"urls: {taken.Message}", "End what listens there, or start with --urls http://localhost:5081."],
        StoreUnavailableException away => [$"ConnectionStrings:Database: {away.Message}", "Start the database or correct the connection string."],
        FormatException { Message: { } words } when words.Contains("URL", StringComparison.OrdinalIgnoreCase) => [$"urls: {words}", "Write http://host:port."],
        _ => [],
    };

    private static IEnumerable<string> Refusal(StartupRefusedException refused)
    {
        yield return refused.Key.Length > 0 ? $"{refused.Key}: {refused.Problem}" : refused.Problem;
        yield return refused.Remedy;
    }

    /// <summary>The binder names a key that no option has only in its message: <c>… on the instance of Namespace.XOptions: 'Key'</c>.</summary>
    private static string? UnknownKey(string message)
    {
        if (!message.Contains("ErrorOnUnknownConfiguration", StringComparison.Ordinal))
        {
            return null;
        }

        int start = message.LastIndexOf(": '", StringComparison.Ordinal);
        if (start < 0)
        {
            return null;
        }

        // The options' class says which section it is: the same word may be a key of several.
        string type = message[..start][(message.LastIndexOf(' ', start) + 1)..];
        object? section = typeof(StartupScreen).Assembly.GetType(type)?.GetField("Section")?.GetRawConstantValue();
        IEnumerable<string> keys = message[(start + 2)..].Split(", ").Select(key => key.Trim('\'', '.'));
        return string.Join(", ", keys.Select(key => section is null ? key : $"{section}:{key}"));
    }
}
