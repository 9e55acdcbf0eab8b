using LoraAdmin.Access;
using LoraAdmin.Platform.Data;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Commands;

/// <summary><c>dotnet run --project LoraAdmin -- sign-in-link</c>: works beside a running portal, because it only adds a row.</summary>
internal static class SignInLinkProgram
{
    public static async Task<int> RunAsync(string[] args)
    {
        try
        {
            await using WebApplication app = Portal.Build([.. args, "--Logging:LogLevel:Default=Warning"]);
            app.Services.GetRequiredService<IStartupValidator>().Validate();
            DatabaseTarget target = app.Services.GetRequiredService<DatabaseTarget>();
            if (target is DatabaseTarget.Sqlite sqlite && !File.Exists(sqlite.File))
            {
                await Console.Error.WriteLineAsync($"There is no portal in {Path.GetDirectoryName(sqlite.File)} yet. Start it first: dotnet run --project LoraAdmin");
                return 1;
            }

            return await SignInLinkCommand.RunAsync(app.Services, Console.Out, CancellationToken.None);
        }
        catch (Exception failure) when (StartupScreen.Explains(failure))
        {
            await StartupScreen.WriteAsync(failure, Console.Error);
            return 1;
        }
    }
}
