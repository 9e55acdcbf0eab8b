namespace LoraAdmin.Tests.Doubles;

/// <summary>Waits for a condition with a deadline. The only place where tests look at the host's clock to wait.</summary>
public static class Eventually
{
    /// <summary>Long, for a machine that is busy with other tests: what comes true is waited for no longer than it takes.</summary>
    public static readonly TimeSpan DefaultDeadline = TimeSpan.FromMinutes(4);

    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(50);

    /// <param name="what">Completes "… did not happen": what is waited for.</param>
    public static Task TrueAsync(Func<bool> condition, string what, TimeSpan? deadline = null) =>
        TrueAsync(() => Task.FromResult(condition()), what, deadline);

    /// <inheritdoc cref="TrueAsync(Func{bool}, string, TimeSpan?)"/>
    public static async Task TrueAsync(Func<Task<bool>> condition, string what, TimeSpan? deadline = null) =>
        await FoundAsync(async () => await condition() ? "" : null, what, deadline);

    /// <returns>The first value that is not null.</returns>
    public static async Task<T> FoundAsync<T>(Func<Task<T?>> look, string what, TimeSpan? deadline = null)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(look);
        TimeSpan allowed = deadline ?? DefaultDeadline;
        long began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            if (await look() is { } found)
            {
                return found;
            }

            if (TimeProvider.System.GetElapsedTime(began) > allowed)
            {
                throw new TimeoutException($"Not within {allowed.TotalSeconds:0} s: {what}");
            }

            await Task.Delay(Between, TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }
}
