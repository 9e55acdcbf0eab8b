using LoraAdmin;
using LoraAdmin.Commands;
using LoraAdmin.Platform.LocalCloud;

return args switch
{
    [LocalCloudProgram.Verb, .. string[] rest] => await LocalCloudProgram.RunAsync(rest, CancellationToken.None),
    ["sign-in-link", .. string[] rest] => await SignInLinkProgram.RunAsync(rest),
    [InstallationProgram.Verb, .. string[] rest] => await InstallationProgram.RunAsync(rest),
    [DueProgram.Verb, .. string[] rest] => await DueProgram.RunAsync(rest),
    ["check", .. string[] rest] => await CheckProgram.RunAsync(rest),
    _ when UnknownCommand.Is(args) => await UnknownCommand.RefuseAsync(args[0]),
    _ => await Portal.RunAsync(args),
};
